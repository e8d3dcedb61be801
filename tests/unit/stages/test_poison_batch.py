"""One batch that makes the server fail holds up no other, and its good rows are delivered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from connectors.errors import RetryableError
from connectors.records import Delivered, Item, Outcome, Rejected, RejectReason
from tests.fakes import kind_of, message
from tests.unit.stages.desk import Desk, cancel, entries
from tests.unit.stages.test_send import never
from worker.rules.batching import Entry


def fails_at_bad(items: Sequence[Item]) -> Sequence[Outcome]:
    """Answer 500 whenever the bad row is in the call."""
    if any(kind_of(item) == "bad" for item in items):
        raise RetryableError("500", kind="server_error")
    return [Delivered() for _ in items]


def rows(count: int, first: int = 0) -> list[Entry]:
    kinds = ["bad" if first + i == 5 else "good" for i in range(count)]
    return entries(*(message(f"u{first + i}", 1, i, kind=k) for i, k in enumerate(kinds)))


async def others(desk: Desk) -> None:
    """Deliver other batches, for ever."""
    while True:
        await desk.send.settle(rows(2, 100), list, never, permitted=False)
        await asyncio.sleep(0)  # noqa: TID251  # not a wait


async def test_a_poison_row_is_found_while_other_calls_work() -> None:
    """A 500 for one of eight rows: seven are delivered, it alone is rejected, with the status."""
    desk = Desk()
    desk.destination.answer = fails_at_bad
    busy = asyncio.create_task(others(desk))
    settled = await desk.send.settle(rows(8), list, never, permitted=True)
    await cancel(busy)

    found = {s.entry.item.identity: s.outcome for s in settled}
    assert Rejected(RejectReason.UNEXPLAINED, 500) == found.pop("u5")
    assert {Delivered()} == set(found.values())
    assert 7 == len(found)


async def test_in_an_outage_nobody_is_to_blame() -> None:
    """All calls fail: the batch is halved once at most, however long, and no row is rejected."""
    desk = Desk()
    calls = 0

    def down_for_long(items: Sequence[Item]) -> Sequence[Outcome]:
        nonlocal calls
        calls += 1
        if calls <= 500:
            raise RetryableError("503", kind="server_error")
        return [Delivered() for _ in items]

    desk.destination.answer = down_for_long
    settled = await desk.send.settle(rows(8), list, never, permitted=True)

    assert {len(items) for items in desk.destination.calls} <= {8, 4}
    assert 8 == len(settled)
    assert {Delivered()} == {s.outcome for s in settled}


@pytest.mark.parametrize("seed", range(4))
async def test_a_poison_row_is_found_with_nothing_beside_its_batch(seed: int) -> None:
    """One partition, full of rows behind it: the good half shows that the server works."""
    desk = Desk()
    desk.send._dice = random.Random(seed)
    desk.destination.answer = fails_at_bad
    settled = await desk.send.settle(rows(64), list, never, permitted=True)

    found = {s.entry.item.identity: s.outcome for s in settled}
    assert Rejected(RejectReason.UNEXPLAINED, 500) == found.pop("u5")
    assert {Delivered()} == set(found.values())
    assert 63 == len(found)


async def test_a_server_that_fails_at_every_second_call_rejects_no_row() -> None:
    """Half of all calls fail, of every batch: it is the server's fault."""
    desk = Desk()
    dice = random.Random(11)

    def every_second(items: Sequence[Item]) -> Sequence[Outcome]:
        if dice.random() < 0.5:
            raise RetryableError("500", kind="server_error")
        return [Delivered() for _ in items]

    desk.destination.answer = every_second
    busy = asyncio.create_task(others(desk))
    for first in range(0, 800, 8):
        settled = await desk.send.settle(rows(8, first), list, never, permitted=True)
        assert {Delivered()} == {s.outcome for s in settled}
    await cancel(busy)
