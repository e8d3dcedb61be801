"""Whose rows they are: held, given back, or let go, and never sent for somebody else."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import RetryableError
from tests.fakes import P0, P1, message, turns, versions
from tests.unit.stages.desk import Desk
from worker.rules.batching import BatchPolicy
from worker.rules.offsets import OffsetTracker

DOWN = RetryableError("down", kind="network")


def sent(desk: Desk) -> list[list[str]]:
    return [versions(items) for items in desk.destination.calls]


async def test_of_a_held_partition_only_the_newest_versions_are_sent() -> None:
    """A1 B1 A2, read again after a crash: A1 would take A back, so A2 and B1 alone go out."""
    desk = Desk()
    tracker = OffsetTracker(0)
    desk.deliver.assigned(P0, tracker, hold=True)
    async with desk.sending():
        for row in (message("A", 1, 0), message("B", 1, 1), message("A", 2, 2)):
            await desk.accept(tracker, row)
            await turns()
        assert [] == sent(desk)
        desk.deliver.release(P0)
        await turns()

    assert [["A2", "B1"]] == sent(desk)
    assert 3 == tracker.committable


async def test_a_hold_keeps_back_its_own_partition_only() -> None:
    """Rows of other partitions go on meanwhile."""
    desk = Desk()
    held = OffsetTracker(0)
    desk.deliver.assigned(P0, held, hold=True)
    free = desk.assign(P1)
    async with desk.sending():
        await desk.accept(held, message("A", 1, 0))
        await desk.accept(free, message("Z", 1, 0, P1))
        await turns()

    assert [["Z1"]] == sent(desk)
    assert (0, 1) == (held.committable, free.committable)


async def test_waiting_rows_of_a_revoked_partition_are_given_back() -> None:
    """They are counted, never sent, and their offset stays."""
    desk = Desk(max_calls=1, batch=BatchPolicy(max_rows=1, linger_seconds=0.0))
    desk.destination.hold = True
    ours, theirs = desk.assign(P0), desk.assign(P1)
    async with desk.sending():
        await desk.accept(ours, message("X", 1, 0))
        await turns()
        await desk.accept(theirs, message("B", 1, 0, P1), message("C", 1, 1, P1))
        await desk.deliver.let_go(frozenset({P1}), 0.0)
        assert 2 == desk.meter.rows["given_back"], "at once, not when their turn would come"
        desk.destination.let_through()
        await turns()

    assert [["X1"]] == sent(desk)
    assert (1, 0) == (ours.committable, theirs.committable)
    assert {"delivered": 1, "given_back": 2} == desk.meter.rows


async def test_a_failed_batch_goes_again_without_rows_of_a_revoked_partition() -> None:
    """Their new owner may have sent newer ones already."""
    desk = Desk()
    desk.destination.hold = True
    ours, theirs = desk.assign(P0), desk.assign(P1)
    async with desk.sending():
        await desk.accept(ours, message("A", 1, 0))
        await desk.accept(theirs, message("B", 1, 0, P1))
        await turns()
        await desk.deliver.let_go(frozenset({P1}), 0.0)
        desk.destination.let_through(lost=DOWN)
        await turns()
        desk.destination.let_through()
        await turns()

    assert [["A1", "B1"], ["A1"]] == sent(desk)
    assert (1, 0) == (ours.committable, theirs.committable)
    assert {"delivered": 1, "given_back": 1} == desk.meter.rows


async def test_a_partition_that_came_back_is_another_assignment() -> None:
    """Rows of the first assignment are not sent under the second, which reads them again."""
    desk = Desk()
    desk.destination.hold = True
    before = desk.assign()
    async with desk.sending():
        await desk.accept(before, message("A", 1, 0))
        await turns()
        await desk.deliver.let_go(frozenset({P0}), 0.0)
        after = desk.assign()
        await desk.accept(after, message("A", 1, 0), message("A", 2, 1))
        desk.destination.let_through(lost=DOWN)
        await turns()
        desk.destination.let_through()
        await turns()

    assert [["A1"], ["A2"]] == sent(desk)
    assert (0, 2) == (before.committable, after.committable)


async def test_an_older_version_in_a_partition_that_stays_is_answered_by_the_newer() -> None:
    """A1 in ours, the newer A2 in theirs: A1 waits for nobody, A2 is theirs to send."""
    desk = Desk(max_calls=1)
    desk.destination.hold = True
    ours, theirs = desk.assign(P0), desk.assign(P1)
    async with desk.sending():
        await desk.accept(ours, message("X", 1, 0))
        await turns()
        await desk.accept(ours, message("A", 1, 1))
        await desk.accept(theirs, message("A", 2, 0, P1))
        await desk.deliver.let_go(frozenset({P1}), 0.0)
        desk.destination.let_through()
        await turns()

    assert [["X1"]] == sent(desk)
    assert (2, 0) == (ours.committable, theirs.committable)


async def test_letting_go_waits_for_calls_that_are_out() -> None:
    """Their answers still count, so that the next owner repeats nothing."""
    desk = Desk()
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0))
        await turns()
        going = asyncio.create_task(desk.deliver.let_go(frozenset({P0}), 5.0))
        await turns()
        assert not going.done()
        desk.destination.let_through()
        await going

    assert (1, 1) == (tracker.committable, desk.meter.rows["delivered"])


async def test_letting_go_does_not_wait_for_ever() -> None:
    """A call without an answer is left behind after the time given."""
    desk = Desk()
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0))
        await turns()
        await desk.deliver.let_go(frozenset({P0}), 0.02)

    assert 0 == tracker.committable


@pytest.mark.parametrize("rows", [1, 7])
async def test_stop_waits_for_calls_that_are_out_and_takes_nothing_new(rows: int) -> None:
    """Drain: the answer of a call that is out still counts; waiting rows stay for the next."""
    desk = Desk(max_calls=1, batch=BatchPolicy(max_rows=rows, linger_seconds=0.0))
    desk.destination.hold = True
    tracker = desk.assign()
    running = asyncio.create_task(desk.deliver.run())
    await desk.accept(tracker, *(message(f"u{i}", 1, i) for i in range(rows)))
    await turns()
    await desk.accept(tracker, message("Z", 1, rows))
    desk.clock.stop()
    desk.destination.let_through()
    await running

    assert (rows, 1) == (tracker.committable, len(desk.destination.calls))
    assert rows == desk.meter.rows["delivered"]
