"""While something is waited for, revocations are answered and the rest of the sync goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.ports import Revoked
from connectors.records import Message, Partition
from tests.fakes import P0, P1, FakeInterpreter, message, turns, versions
from tests.unit.stages.desk import Desk
from worker.rules.intake import InFlightPolicy
from worker.stages.consume import ConsumePolicy

DOWN = RetryableError("down", kind="kafka")
NO_TOPIC = ConfigurationError("the topic does not exist", kind="topic_missing")
NO_SCHEMA = RetryableError("no registry", kind="registry")
REVOKED = Revoked(frozenset({P0}), lost=False)
POLICY = ConsumePolicy(
    InFlightPolicy(3, 2),
    commit_seconds=0.0,
    lag_seconds=0.0,
    release_seconds=5.0,
    stall_seconds=60.0,
    probe_seconds=30.0,
    patience_seconds=0.0,
)


class PickyInterpreter(FakeInterpreter):
    """Has no schema for the messages of some partitions."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[Partition] = set()

    async def learn(self, messages: Sequence[Message]) -> None:
        if {one.partition for one in messages} & self.unknown:
            raise NO_SCHEMA


class WaitingDesk(Desk):
    """A desk whose interpreter lacks the schema of partition 0."""

    def __init__(self) -> None:
        super().__init__(consume=POLICY)
        self.picky = PickyInterpreter()
        self.picky.unknown = {P0}
        self.accepting._interpret = self.picky

    def sent(self) -> list[str]:
        return [name for items in self.destination.calls for name in versions(items)]

    async def rounds(self, count: int = 4) -> None:
        for _ in range(count):
            await self.round()


async def test_a_revocation_is_answered_while_a_schema_is_waited_for() -> None:
    """Nothing of the partition has an outcome: it goes back at its start, at once."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        desk.consumer.tick(REVOKED)
        await turns()

        assert [{P0: 0}] == desk.consumer.released
        assert 1 == len(desk.consumers)


async def test_nothing_of_a_revoked_partition_is_sent_once_its_schema_is_there() -> None:
    """Its next owner sends it, and perhaps something newer already."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("A", 2, 1))
        desk.consumer.tick(REVOKED)
        await turns()
        desk.picky.unknown.clear()
        await desk.rounds()

    assert ([], {P0: 0}) == (desk.sent(), desk.committed)


async def test_what_waited_for_its_schema_is_given_back_and_the_books_balance() -> None:
    """Consumed = outcomes + given back + in flight, also for rows that never got as far as that."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0), message("B", 1, 1, kind="deleted"))
        assert 2 == desk.consume.in_flight
        desk.consumer.tick(REVOKED)
        await desk.rounds()

    assert {"consumed": 2, "given_back": 2} == desk.meter.rows


async def test_other_partitions_go_on() -> None:
    """Messages of partition 1 are sent and committed while those of partition 0 wait."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.take(P1, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("B", 1, 0, P1))
        await desk.rounds()

        assert (["B1"], {P0: 0, P1: 1}) == (desk.sent(), desk.committed)
        assert frozenset({P0}) == desk.consumer.paused


async def test_what_waited_is_sent_in_order_once_the_schema_is_there() -> None:
    """Messages that came meanwhile stand behind those that waited: none lost, none twice."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("A", 2, 1), message("B", 1, 2))
        assert ([], 1) == (desk.sent(), desk.consume.in_flight)
        desk.picky.unknown.clear()
        await desk.rounds(8)

    assert {P0: 3} == desk.committed
    assert [name for name in desk.sent() if name[0] == "A"][-1] == "A2"
    assert {"consumed": 3, "delivered": 3} == desk.meter.rows


async def test_a_hold_ends_though_its_last_messages_waited() -> None:
    """After an assignment with a backlog: held until read, the schema came late."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 2)
        await desk.read(message("A", 1, 0), message("A", 2, 1))
        assert [] == desk.sent()
        desk.picky.unknown.clear()
        await desk.rounds(8)

    assert (["A2"], {P0: 2}) == (desk.sent(), desk.committed)


async def test_a_client_that_a_person_must_mend_is_made_anew_after_a_while() -> None:
    """State "stopped" with its sentence, a new client after the probe interval, then "running"."""
    desk = Desk(consume=POLICY)
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.failure = NO_TOPIC
        slept = len(desk.clock.slept)
        await desk.round()
        assert ("stopped", str(NO_TOPIC)) == desk.meter.states[-1]
        assert [30.0] == desk.clock.slept[slept:]
        assert (2, True) == (len(desk.consumers), desk.consumers[0].closed)
        assert "topic_missing" in desk.meter.errors
        await desk.take(P0, 0, 0)
        await desk.round()

        assert ("running", "") == desk.meter.states[-1]


async def test_a_lag_that_can_not_be_looked_up_keeps_the_membership(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is only a figure: the error is counted, messages go on, no rebalance for it."""
    desk = Desk(consume=POLICY)

    async def no_lag() -> Mapping[Partition, int]:
        raise DOWN

    async with desk.running():
        await desk.take(P0, 0, 0)
        monkeypatch.setattr(desk.consumer, "lag", no_lag)
        await desk.read(message("A", 1, 0))
        await desk.round()
        await desk.round()

    assert (1, {P0: 1}) == (len(desk.consumers), desk.committed)
    assert "kafka" in desk.meter.errors


async def test_a_held_partition_that_does_not_move_is_noticed() -> None:
    """Its rows are in flight for ever: only more messages could end the hold."""
    desk = Desk(consume=POLICY)
    async with desk.running():
        await desk.take(P0, 0, 3)
        desk.consumer.behind = 3
        await desk.read(message("A", 1, 0))
        desk.clock.seconds += 59.0
        await desk.round()
        assert 1 == len(desk.consumers)
        desk.clock.seconds += 3.0
        await desk.round()

        assert 2 == len(desk.consumers)
        assert "stalled" in desk.meter.errors


async def test_a_partition_that_waits_for_its_schema_is_no_stall() -> None:
    """A registry that is down for hours is not the client's fault."""
    desk = WaitingDesk()
    async with desk.running():
        await desk.take(P0, 0, 3)
        desk.consumer.behind = 3
        await desk.read(message("A", 1, 0))
        for _ in range(3):
            desk.clock.seconds += 61.0
            await desk.round()

        assert 1 == len(desk.consumers)
        assert "stalled" not in desk.meter.errors


async def test_a_partition_whose_call_is_out_is_no_stall() -> None:
    """It is paused: it must not be read on."""
    desk = Desk(consume=POLICY)
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.behind = 1
        await desk.read(message("A", 1, 0))
        for _ in range(3):
            desk.clock.seconds += 61.0
            await desk.round()

        assert 1 == len(desk.consumers)
