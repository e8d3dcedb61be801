"""Whatever happens in whatever order: the books balance, offsets never lead, profiles converge."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from connectors.errors import ConfigurationError, RetryableError, ThrottledError
from connectors.records import Partition
from tests.fakes import turns
from tests.unit.stages.world import KINDS, PARTITIONS, World

partitions = st.sampled_from(PARTITIONS)
members = st.integers(0, 1)
DOWN = RetryableError("down", kind="network")
REFUSALS = (
    DOWN,
    ThrottledError("slow down"),
    ConfigurationError("the key is revoked", kind="api_key"),
)


class Histories(RuleBasedStateMachine):
    """Messages, answers, failures, crashes and rebalances, interleaved at random."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(partition=partitions, who=st.sampled_from("abc"), kind=st.sampled_from(KINDS))
    def a_row_changes(self, partition: Partition, who: str, kind: str) -> None:
        self.world.produce(partition, who, kind)

    @rule(partition=partitions, who=st.text("abc", min_size=3, max_size=9))
    def many_rows_change(self, partition: Partition, who: str) -> None:
        for one in who:
            self.world.produce(partition, one, "good")

    @rule()
    def another_poller_takes_over(self) -> None:
        self.world.epoch += 1

    @rule(partition=partitions, who=st.sampled_from("abc"))
    def a_replaced_poller_writes_late(self, partition: Partition, who: str) -> None:
        self.world.write_late(partition, who)

    @rule()
    def its_successor_publishes_those_rows_anew(self) -> None:
        self.world.publish_doubted()

    @rule(partition=partitions, count=st.integers(1, 2))
    def messages_arrive(self, partition: Partition, count: int) -> None:
        self.world.fetch(partition, count)

    @rule(partition=partitions)
    def a_whole_window_arrives(self, partition: Partition) -> None:
        for _ in range(5):
            self.world.fetch(partition, 2)

    @rule(member=members)
    def a_round_passes(self, member: int) -> None:
        self.world.members[member].desk.consumer.tick()
        self.world.run(turns())

    @rule(member=members, number=st.integers(0, 2))
    def an_answer_arrives(self, member: int, number: int) -> None:
        self._answer(member, number, None)

    @rule(member=members, number=st.integers(0, 2))
    def an_answer_gets_lost(self, member: int, number: int) -> None:
        self._answer(member, number, DOWN)

    def _answer(self, member: int, number: int, lost: RetryableError | None) -> None:
        destination = self.world.members[member].desk.destination
        if destination.out:
            destination.let_through(number % len(destination.out), lost)
            self.world.run(turns())

    @rule(partition=partitions, member=members)
    def a_partition_is_assigned(self, partition: Partition, member: int) -> None:
        if self.world.owner(partition) is None:
            self.world.assign(partition, self.world.members[member])

    @rule(partition=partitions, lost=st.booleans())
    def a_partition_is_revoked(self, partition: Partition, *, lost: bool) -> None:
        self.world.revoke(partition, lost=lost)

    @rule(member=members)
    def a_member_crashes(self, member: int) -> None:
        self.world.crash(member)

    @rule(refusal=st.sampled_from(REFUSALS))
    def iterable_refuses_every_call(self, refusal: RetryableError | ConfigurationError) -> None:
        self.world.refusal = refusal

    @rule()
    def dead_letters_can_not_be_written(self) -> None:
        self.world.letters.failure = DOWN

    @rule()
    def everything_works_again(self) -> None:
        self.world.heal()

    @rule(member=members)
    def commits_fail(self, member: int) -> None:
        consumer = self.world.members[member].desk.consumer
        consumer.commit_failure = None if consumer.commit_failure else DOWN

    @invariant()
    def the_books_balance(self) -> None:
        self.world.check_books()

    def teardown(self) -> None:
        for member in self.world.members:
            member.desk.consumer.commit_failure = None
        self.world.settle()
        self.world.check_books()
        self.world.check_profiles()
        self.world.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
