"""Rejected rows are looked at once more while the sync waits; none is counted twice for it."""

from __future__ import annotations

import asyncio

from connectors.records import Item, Message, Rejected, Skipped
from tests.fakes import message, turns
from tests.unit.stages.desk import Desk, cancel
from worker.rules.outcomes import DeadLetterLimit


async def test_rows_that_can_be_read_at_a_second_look_are_given_back_once() -> None:
    """A registry knows one schema of two by now; then the partition goes: the books balance."""
    desk = Desk(limit=DeadLetterLimit(max_share=0.0, from_rows=1))
    first, known = desk.interpreter.item, False

    def item(one: Message) -> Item | Skipped | Rejected:
        found = first(one)
        return Item("A", b"{}", "A") if known and one.offset == 0 else found

    desk.interpreter.item = item  # type: ignore[method-assign,assignment]
    tracker = desk.assign()
    tracker.consumed([])
    rows = [message(f"u{i}", 1, i, kind="undecodable") for i in range(2)]
    accepting = asyncio.create_task(desk.accept(tracker, *rows))
    await turns(5)
    known = True
    await turns(50)
    await cancel(accepting)

    assert 1 == desk.meter.rows["given_back"]
