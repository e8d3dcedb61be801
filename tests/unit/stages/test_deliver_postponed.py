"""A row that the destination can't take yet waits, without holding up any other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from connectors.records import Delivered, Item, Outcome, Postponed, RejectReason
from tests.fakes import kind_of, message, turns, versions
from tests.unit.stages.desk import Desk, entries


async def test_a_postponed_row_is_asked_about_again_and_rejected_at_last() -> None:
    """Three times a minute later; its newer version waits for it, all others go on."""
    desk = Desk()
    asked: list[tuple[float, str]] = []

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        asked.extend((desk.clock.seconds, name) for name in versions(items))
        late = Postponed(RejectReason.UNKNOWN_USER, 200)
        return [late if kind_of(item) == "bad" else Delivered() for item in items]

    desk.destination.answer = answer
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0, kind="bad"), message("B", 1, 1))
        await turns(20)
        assert {"delivered": 1} == desk.meter.rows
        for _ in range(5):
            desk.clock.seconds += 60.0
            desk.deliver.send(entries(message("C", 1, 2))[0])  # wakes the line
            await turns(20)

    moments = [at for at, name in asked if name == "A1"]
    assert 4 == len(moments)
    assert all(later - earlier >= 60.0 for earlier, later in pairwise(moments))
    assert [RejectReason.UNKNOWN_USER] == [letter.reason for letter in desk.dead_letters.letters]
    assert 2 == tracker.committable


async def test_a_newer_version_waits_for_a_postponed_row_and_wins() -> None:
    """A2 arrives while A1 is postponed: only A2 is sent, and both have their outcome."""
    desk = Desk()
    late: list[Outcome] = [Postponed(RejectReason.UNKNOWN_USER, 200)]
    desk.destination.answer = lambda items: late[:1] if late else [Delivered() for _ in items]
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, message("A", 1, 0))
        await turns(20)
        late.clear()
        await desk.accept(tracker, message("A", 2, 1))
        await turns(20)
        assert [["A1"]] == [versions(items) for items in desk.destination.calls]
        desk.clock.seconds += 60.0
        desk.deliver.send(entries(message("C", 1, 2))[0])
        await turns(20)

    sent = [name for items in desk.destination.calls for name in versions(items)]
    assert ["A1", "A2"] == [name for name in sent if name.startswith("A")]
    assert 2 == tracker.committable
