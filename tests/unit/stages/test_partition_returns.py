"""A partition goes and comes back to the same process: no row is lost, none is stale."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from connectors.errors import RetryableError
from connectors.ports import Assigned, Revoked
from connectors.records import Delivered, Item, Message, Outcome, Postponed, RejectReason
from tests.fakes import P0, message, turns, versions
from tests.unit.stages.desk import Desk
from worker.rules.intake import InFlightPolicy
from worker.stages.consume import ConsumePolicy

LATE = Postponed(RejectReason.UNKNOWN_USER, 200)
GONE = Revoked(frozenset({P0}), lost=False)


async def pass_time(desk: Desk, seconds: float) -> None:
    """Let time pass, half a second after the other."""
    end = desk.clock.seconds + seconds
    while desk.clock.seconds < end:
        desk.consumer.tick()
        desk.deliver._news.set()
        await turns(8)
        desk.clock.seconds += 0.5


async def test_a_row_postponed_after_its_partition_went_is_read_again() -> None:
    """Its answer comes while the partition goes; back again, the row is delivered from the log."""
    desk = Desk()
    is_known = False
    desk.destination.answer = lambda items: [Delivered() if is_known else LATE for _ in items]
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await turns(30)
        desk.consumer.tick(GONE)
        await turns(10)
        desk.destination.let_through()
        await turns(30)
        await desk.take(P0, 0, 1)
        desk.destination.hold = False
        await desk.read(message("A", 1, 0))
        is_known = True
        await pass_time(desk, 70.0)

    assert 1 == desk.meter.rows["delivered"]
    assert {P0: 1} == desk.committed


async def test_rows_that_are_taken_in_while_their_partition_goes_are_given_back() -> None:
    """Their schema was waited for: they must not stand in a line that was emptied."""
    desk = Desk()
    known = asyncio.Event()

    async def learn(messages: Sequence[Message]) -> None:
        if any(one.offset for one in messages):
            await known.wait()

    desk.interpreter.learn = learn  # type: ignore[method-assign,assignment]
    desk.destination.hold = True
    async with desk.running():
        desk.consumer.tick(Assigned({P0: 0}, {P0: 0}))
        await turns()
        await desk.read(message("A", 1, 0))
        await turns(20)
        desk.consumer.tick()
        await desk.read(message("B", 1, 1))
        desk.consumer.tick(GONE)
        while not desk.consumer.released:
            known.set()
            if desk.destination.out:
                desk.destination.let_through()
            await asyncio.sleep(0.01)  # noqa: TID251  # the stage's patience is a real second
        desk.destination.hold = False
        await desk.take(P0, 1, 2)
        await desk.read(message("B", 1, 1))
        await turns(60)
        desk.consumer.tick()
        await turns(20)

    sent = [name for items in desk.destination.calls for name in versions(items)]
    assert "B1" in sent
    assert 2 == desk.meter.rows["delivered"]


async def test_a_process_without_partitions_has_no_turn() -> None:
    """Its client failed: others own the partitions long before it tries again."""
    desk = Desk()
    async with desk.running():
        await desk.take(P0, 0, 0)
        assert desk.pace.rate > 0
        desk.consumer.failure = RetryableError("down", kind="kafka")
        desk.consumer.tick()
        await turns(30)

        assert 0 == desk.pace.rate


async def test_a_partition_that_we_paused_is_no_stall() -> None:
    """Memory is full and the destination away: rows of an idle partition wait, nobody leaves."""
    policy = ConsumePolicy(InFlightPolicy(3, 2, 3), commit_seconds=0.0)
    desk = Desk(consume=policy)
    desk.destination.answer = _down
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.tick(Assigned({_P1: 0}, {_P1: 0}, topic_partitions=2))
        await turns()
        await desk.read(*(message(f"u{i}", 1, i, _P1) for i in range(3)))
        await turns(10)
        desk.consumer.behind = 1
        for _ in range(100):
            desk.consumer.tick()
            desk.clock.seconds += 1.0
            await turns(4)

    assert 1 == len(desk.consumers)
    assert "stalled" not in desk.meter.errors


@pytest.mark.parametrize(("age_seconds", "calls"), [(10.0, 2), (3_600.0, 1)])
async def test_a_backlog_is_not_read_at_the_pace_of_its_unknown_users(
    age_seconds: float, calls: int
) -> None:
    """A row that is younger than its tries is asked about again; an old one had its time."""
    desk = Desk()
    desk.destination.answer = lambda items: [LATE for _ in items]
    written = int((desk.clock.now() - age_seconds) * 1000)
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0)._replace(timestamp_ms=written))
        await pass_time(desk, 70.0)

    assert calls == len(desk.destination.calls)
    assert (calls == 1) == (desk.meter.rows["rejected"] == 1)


_P1 = P0._replace(number=1)


def _down(_: Sequence[Item]) -> Sequence[Outcome]:
    raise RetryableError("503", kind="server_error")
