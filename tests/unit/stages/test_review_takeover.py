"""A poller that was overtaken while it held a page: what it still holds must not be published."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import FencedError
from connectors.records import Page
from tests.fakes_polling import COLUMNS, NOON_NS, PEOPLE, Outside
from tests.unit.stages.polling_desk import TOPIC, Process
from worker.rules.ledger import Reservation
from worker.rules.watermark import TimestampWatermark
from worker.stages.publish import Prepared

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD = Page(COLUMNS, [("a", "old", NOON), ("b", "old", NOON)], [NOON_NS] * 2)


async def holding(outside: Outside, path: Path, name: str) -> tuple[Process, Prepared, Reservation]:
    """Return a poller that has reserved and is about to hand on a page."""
    made = await Process(outside, path, name=name).start()
    prepared = await made.publish.prepare(PEOPLE, TOPIC, COLUMNS, TimestampWatermark())
    reservation = await made.publish.reserve(prepared, NOON_NS, 10, 1)
    assert reservation is not None
    return made, prepared, reservation


async def test_an_overtaken_poller_sends_nothing_of_the_page_it_holds(tmp_path: Path) -> None:
    """Asleep between query and send: the successor's newer rows stay the newest of the topic."""
    outside = Outside()
    first, prepared, reservation = await holding(outside, tmp_path, "A")
    second, its_model, its_rows = await holding(outside, tmp_path, "B")
    new = Page(COLUMNS, [("a", "new", NOON)], [NOON_NS])
    await second.publish.add(its_rows, its_model, new)
    with pytest.raises(FencedError):
        await first.publish.add(reservation, prepared, OLD)
    first.close()
    second.close()

    assert ["a"] == outside.published()
    assert "new" in outside.newest()["a"]


async def test_overtaken_though_the_successor_has_only_reserved(tmp_path: Path) -> None:
    """Its query may be running already: one record of it in the ledger is enough."""
    outside = Outside()
    first, prepared, reservation = await holding(outside, tmp_path, "A")
    second, *_ = await holding(outside, tmp_path, "B")
    with pytest.raises(FencedError):
        await first.publish.add(reservation, prepared, OLD)
    first.close()
    second.close()

    assert [] == outside.published()


async def test_a_poller_that_was_not_overtaken_goes_on(tmp_path: Path) -> None:
    """Another one that only started, and has written nothing, changes nothing."""
    outside = Outside()
    first, prepared, reservation = await holding(outside, tmp_path, "A")
    second = await Process(outside, tmp_path, name="B").start()
    await first.publish.add(reservation, prepared, OLD)
    first.close()
    second.close()

    assert ["a", "b"] == outside.published()
