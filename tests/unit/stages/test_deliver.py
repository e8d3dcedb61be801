"""The newest version of a profile goes out; an offset moves once its row has an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Delivered, Item, Outcome, Rejected, RejectReason, Skipped, SkipReason
from tests.fakes import kind_of, message, turns, versions
from tests.unit.stages.desk import Desk
from worker.rules.batching import BatchPolicy

DOWN = RetryableError("down", kind="network")


def reject_bad(items: Sequence[Item]) -> Sequence[Outcome]:
    """Take the good rows, reject the others one by one."""
    verdicts: dict[str, Outcome] = {
        "bad": Rejected(RejectReason.INVALID_DATA, 200),
        "absent": Skipped(SkipReason.ABSENT),
    }
    return [verdicts.get(kind_of(item), Delivered()) for item in items]


def sent(desk: Desk) -> list[list[str]]:
    return [versions(items) for items in desk.destination.calls]


async def test_offsets_move_only_after_the_answer() -> None:
    """While the call is out nothing may be committed; with the answer all of it may."""
    desk = Desk()
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0), message("B", 1, 1))
        await turns()
        assert 0 == tracker.committable
        desk.destination.let_through()
        await turns()

    assert 2 == tracker.committable
    assert [["A1", "B1"]] == sent(desk)


async def test_a_waiting_row_is_replaced_by_its_newer_version() -> None:
    """Coalescing: only the newest goes out, and it answers for all of them."""
    desk = Desk(max_calls=1)
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("X", 1, 0))
        await turns()
        await desk.accept(tracker, message("A", 1, 1), message("B", 1, 2), message("A", 2, 3))
        desk.destination.let_through()
        await turns()
        assert 1 == tracker.committable
        desk.destination.let_through()
        await turns()

    assert [["X1"], ["A2", "B1"]] == sent(desk)
    assert (4, 4) == (tracker.committable, desk.meter.rows["delivered"])


async def test_a_profile_is_in_one_call_at_a_time() -> None:
    """While A1 is out A2 and A3 wait for it; then A3 alone goes."""
    desk = Desk()
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0))
        await turns()
        await desk.accept(tracker, message("A", 2, 1))
        await desk.accept(tracker, message("A", 3, 2), message("B", 1, 3))
        await turns()
        assert [["A1"], ["B1"]] == sent(desk)
        desk.destination.let_through()
        await turns()

    assert [["A1"], ["B1"], ["A3"]] == sent(desk)


async def test_the_same_rows_go_again_before_newer_versions_of_them() -> None:
    """A1 whose answer was lost is repeated, although A2 is known by now; A2 comes after it."""
    desk = Desk()
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0), message("B", 1, 1))
        await turns()
        await desk.accept(tracker, message("A", 2, 2))
        desk.destination.let_through(lost=DOWN)
        await turns()
        assert 0 == tracker.committable
        for _ in range(2):
            desk.destination.let_through()
            await turns()

    assert [["A1", "B1"], ["A1", "B1"], ["A2"]] == sent(desk)
    assert 3 == tracker.committable


async def test_calls_run_side_by_side_up_to_their_number() -> None:
    """A slow answer holds up its own rows only, and no more than `max_calls` are out."""
    desk = Desk(max_calls=3, batch=BatchPolicy(max_rows=1, linger_seconds=0.0))
    desk.destination.hold = True
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, *(message(f"u{i}", 1, i) for i in range(6)))
        await turns()
        assert 3 == len(desk.destination.out)
        desk.destination.let_through(2)
        await turns()
        assert (3, 0, 1) == (
            len(desk.destination.out),
            tracker.committable,
            desk.meter.rows["delivered"],
        )


async def test_rejected_rows_are_buried_before_their_offset_moves() -> None:
    """A dead letter that the broker does not hold yet keeps the offset where it is."""
    desk = Desk()
    desk.destination.answer = reject_bad
    desk.dead_letters.failure = DOWN
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0), message("B", 1, 1, kind="bad"))
        await turns()
        assert desk.dead_letters.attempts > 1
        assert 0 == tracker.committable
        desk.dead_letters.failure = None
        await turns()

    assert 2 == tracker.committable
    [letter] = desk.dead_letters.letters
    assert (1, RejectReason.INVALID_DATA, "deliver", 1) == (
        letter.message.offset,
        letter.reason,
        letter.stage,
        letter.attempts,
    )
    assert [["A1", "B1"]] == sent(desk), "a failing dead letter sends no row again"


async def test_undecodable_rows_are_buried_before_their_offset_moves() -> None:
    """The same holds for what never becomes a call."""
    desk = Desk()
    desk.dead_letters.failure = DOWN
    tracker = desk.assign()
    accepting = asyncio.create_task(desk.accept(tracker, message("A", 1, 0, kind="undecodable")))
    await turns()

    assert (0, False) == (tracker.committable, accepting.done())
    desk.dead_letters.failure = None
    await accepting
    assert (1, 1) == (tracker.committable, len(desk.dead_letters.letters))


async def test_skipped_rows_have_their_outcome_at_once() -> None:
    """A deleted row is no call and no dead letter; an absent profile no dead letter."""
    desk = Desk()
    desk.destination.answer = reject_bad
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0, kind="deleted"))
        assert 1 == tracker.committable
        await desk.accept(tracker, message("B", 1, 1, kind="absent"))
        await turns()

    assert 2 == tracker.committable
    assert {"deleted": 1, "absent": 1} == desk.meter.reasons
    assert [] == desk.dead_letters.letters


async def test_a_missing_column_stops_the_sync_and_heals_by_itself() -> None:
    """What the schema lacks today may be back tomorrow: nothing is rejected for it."""
    desk = Desk()
    desk.interpreter.failure = ConfigurationError("column X is gone", kind="missing_column")
    tracker = desk.assign()
    accepting = asyncio.create_task(desk.accept(tracker, message("A", 1, 0)))
    await turns()
    assert ("stopped", "column X is gone") == desk.meter.states[-1]

    desk.interpreter.failure = None
    async with desk.sending():
        await accepting
        await turns()

    assert (1, []) == (tracker.committable, desk.dead_letters.letters)


async def test_freshness_counts_delivered_rows_only() -> None:
    """A skipped or rejected row says nothing of how fresh a profile is."""
    desk = Desk()
    desk.destination.answer = reject_bad
    tracker = desk.assign()
    async with desk.sending():
        kinds = {"good": 11, "bad": 12, "absent": 13}
        rows = [message(k, v, i, kind=k) for i, (k, v) in enumerate(kinds.items())]
        await desk.accept(tracker, *rows)
        await turns()

    assert [11] == desk.meter.freshness


async def test_a_bug_in_a_call_reaches_the_loops_handler() -> None:
    """Nobody awaits a call: what it raises must end the process all the same."""
    desk = Desk()
    seen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: seen.append(c["exception"]))

    def answer(_: Sequence[Item]) -> Sequence[Outcome]:
        raise KeyError("bug")

    desk.destination.answer = answer
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0))
        await turns()

    assert [KeyError] == [type(error) for error in seen]
    assert 0 == tracker.committable
