"""Any interleaving of the group's and Iterable's doings ends with each profile at its newest row.

The histories of test_random_histories.py, with more that can happen: each call has a fate of its
own, rows are postponed, time passes. No offset is ever ahead of an outcome, and at each step
consumed = delivered + unchanged + skipped + rejected + given back + in flight, for each member.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from connectors.records import Partition
from tests.fakes import turns
from tests.unit.stages.delivery_world import FATES, PATIENT_KINDS, DeliveryWorld, Fate
from tests.unit.stages.test_random_histories import DOWN, Histories
from tests.unit.stages.world import PARTITIONS


class Deliveries(Histories):
    """Two members of a group, a broker and an Iterable that each do what they like."""

    world: DeliveryWorld

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        self.world = DeliveryWorld()

    @rule(fate=st.sampled_from(FATES))
    def the_next_call_has_a_fate(self, fate: Fate) -> None:
        self.world.fates.append(fate)

    @rule(
        partition=st.sampled_from(PARTITIONS),
        who=st.sampled_from("abc"),
        kind=st.sampled_from(PATIENT_KINDS),
    )
    def a_row_comes_that_has_to_wait(self, partition: Partition, who: str, kind: str) -> None:
        self.world.produce(partition, who, kind)

    # What seldom comes together by chance, in one step.

    @rule(partition=st.sampled_from(PARTITIONS), who=st.sampled_from("abc"))
    def a_call_fails_after_its_partition_went(self, partition: Partition, who: str) -> None:
        owner = self.world.owner(partition)
        self.world.produce(partition, who, "good")
        self.world.fetch(partition, 5)
        self.world.revoke(partition, lost=True)
        if owner is not None:
            self._answer(self.world.members.index(owner), 0, DOWN)

    @rule(partition=st.sampled_from(PARTITIONS), who=st.sampled_from("abc"))
    def a_bad_row_comes_while_letters_fail(self, partition: Partition, who: str) -> None:
        self.dead_letters_can_not_be_written()
        self.world.produce(partition, who, "bad")
        self.world.fetch(partition, 5)
        for member in self.world.members:
            self.world.answer_all(member)

    @rule(partition=st.sampled_from(PARTITIONS), fate=st.sampled_from(FATES))
    def a_full_call_has_a_fate(self, partition: Partition, fate: Fate) -> None:
        self.many_rows_change(partition, "abc")
        self.world.fates.append(fate)
        self.world.fetch(partition, 5)

    @rule(seconds=st.sampled_from([1.0, 61.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.let_time_pass(seconds)
        for member in self.world.members:
            member.desk.consumer.tick()
        self.world.run(turns())


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_rows_of_a_lost_partition_fly_until_their_call_is_back() -> None:
    """Nobody here owns it any more; the books hold its row until the answer is in."""
    world = DeliveryWorld()
    [first, *_] = world.members
    world.produce(PARTITIONS[0], "a", "good")
    world.fetch(PARTITIONS[0], 1)
    world.revoke(PARTITIONS[0], lost=True)

    assert (1, 1) == (first.desk.meter.rows["consumed"], first.desk.meter.flying())
    world.check_books()
    world.answer_all(first)
    assert (1, 0) == (first.desk.meter.settled, first.desk.meter.flying())
    world.close()
