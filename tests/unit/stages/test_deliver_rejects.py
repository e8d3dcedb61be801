"""Rejected rows become dead letters, and too many of them stop the sync instead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.errors import RefusedError
from connectors.records import Delivered, Item, Outcome, Rejected, RejectReason
from tests.fakes import all_delivered, kind_of, message, turns
from tests.unit.stages.desk import Desk, cancel
from worker.rules.batching import BatchPolicy
from worker.rules.outcomes import DeadLetterLimit


def reject_bad(items: Sequence[Item]) -> Sequence[Outcome]:
    """Take the good rows, reject the others one by one."""
    bad = Rejected(RejectReason.INVALID_DATA, 200)
    return [bad if kind_of(item) == "bad" else Delivered() for item in items]


def refuse_bad(items: Sequence[Item]) -> Sequence[Outcome]:
    """Refuse the whole call because of a bad row, without saying which."""
    if any(kind_of(item) == "bad" for item in items):
        raise RefusedError(RejectReason.INVALID_DATA)
    return [Delivered() for _ in items]


async def test_too_many_rejects_stop_the_sync_and_bury_nothing() -> None:
    """If most rows are refused the fault is ours: say so, keep offsets, leave letters unwritten."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2, over_rows=100, from_rows=10))
    desk.destination.answer = reject_bad
    tracker = desk.assign()
    async with desk.sending():
        rows = [message(f"u{i}", 1, i, kind="bad" if i < 5 else "good") for i in range(20)]
        await desk.accept(tracker, *rows)
        await turns(50)

    assert ("stopped", "20%") == (desk.meter.states[-1][0], desk.meter.states[-1][1][10:13])
    assert ([], 0) == (desk.dead_letters.letters, tracker.committable)


async def test_a_sync_with_too_many_rejects_heals_by_itself() -> None:
    """Once a probe interval the refused rows, and no others, are asked about again."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2, over_rows=100, from_rows=10))
    desk.destination.answer = reject_bad
    tracker = desk.assign()
    async with desk.sending():
        rows = [message(f"u{i}", 1, i, kind="bad" if i < 5 else "good") for i in range(20)]
        await desk.accept(tracker, *rows)
        await turns(50)
        desk.destination.answer = all_delivered
        await turns(50)

    first, *later = desk.destination.calls
    assert (20, {5}) == (len(first), {len(items) for items in later})
    assert (20, []) == (tracker.committable, desk.dead_letters.letters)
    assert "running" == desk.meter.states[-1][0]
    assert {30.0} <= set(desk.clock.slept)


async def test_a_batch_that_is_refused_whole_is_not_split_to_the_end() -> None:
    """Nine rows drawn by lot say enough of a thousand: 30 calls, not 2,000; none is buried."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2), batch=BatchPolicy(linger_seconds=5.0))

    def answer(_: Sequence[Item]) -> Sequence[Outcome]:
        raise RefusedError(RejectReason.FIELD_TYPE)

    desk.destination.answer = answer
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, *(message(f"u{i}", 1, i) for i in range(1_000)))
        await turns(500)

    stops = desk.clock.slept.count(30.0)
    assert len(desk.destination.calls) <= 40 * (stops + 1)
    assert stops > 0
    assert ([], 0) == (desk.dead_letters.letters, tracker.committable)


async def test_bad_rows_that_stand_together_do_not_stop_the_sync() -> None:
    """A bad import of 60 rows at the head of a thousand is 6 %: they alone are buried."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2), batch=BatchPolicy(linger_seconds=5.0))
    desk.destination.answer = refuse_bad
    tracker = desk.assign()
    async with desk.sending():
        rows = [message(f"u{i}", 1, i, kind="bad" if i < 60 else "good") for i in range(1_000)]
        await desk.accept(tracker, *rows)
        await turns(900)

    assert (1_000, 60) == (tracker.committable, len(desk.dead_letters.letters))
    assert 30.0 not in desk.clock.slept


async def test_too_many_undecodable_rows_stop_the_sync_too() -> None:
    """A topic that can't be mapped is not emptied into the dead letters either."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2, over_rows=100, from_rows=10))
    tracker = desk.assign()
    rows = [message(f"u{i}", 1, i, kind="undecodable" if i < 5 else "good") for i in range(20)]
    accepting = asyncio.create_task(desk.accept(tracker, *rows))
    await turns(50)

    assert "stopped" == desk.meter.states[-1][0]
    assert ([], 0) == (desk.dead_letters.letters, tracker.committable)
    await cancel(accepting)


async def test_few_rejects_stop_nothing() -> None:
    """One bad row of a hundred is its own fault."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.2, over_rows=100, from_rows=10))
    desk.destination.answer = reject_bad
    tracker = desk.assign()
    async with desk.sending():
        kinds = ["bad", "undecodable", *["good"] * 98]
        await desk.accept(tracker, *(message(f"u{i}", 1, i, kind=k) for i, k in enumerate(kinds)))
        await turns(50)

    assert (100, 2) == (tracker.committable, len(desk.dead_letters.letters))


async def test_a_bad_row_keeps_its_attempts() -> None:
    """The dead letter says how many answers its batch took."""
    desk = Desk()

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        if any(kind_of(item) == "bad" for item in items):
            raise RefusedError(RejectReason.FIELD_TYPE)
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    tracker = desk.assign()
    async with desk.sending():
        rows = [message(f"u{i}", 1, i, kind="bad" if i == 0 else "good") for i in range(4)]
        await desk.accept(tracker, *rows)
        await turns(60)

    # Four, two and two, and the halves of the bad pair in either order.
    assert {letter.attempts for letter in desk.dead_letters.letters} <= {3, 4, 5}
    assert {"delivered": 3, "rejected": 1} == desk.meter.rows
