"""Many rows of one moment, as a daily build flags them: pages and statements cut nothing off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.records import Column, Model, Page, Position, Survey, Window
from tests.fakes import FakeClock
from tests.fakes_polling import COLUMNS, NOON_NS, PEOPLE
from tests.polling_meter import PollingMeter
from tests.unit.stages.polling_desk import TOPIC
from worker.rules.ledger import Ended, Progress, Reservation
from worker.rules.watermark import NS, to_text
from worker.rules.window import WindowPolicy
from worker.stages.follow import FollowStage


class OneMoment:
    """A source of keys that all changed in one moment, in order already."""

    def __init__(self, keys: Sequence[str], page_rows: int) -> None:
        self._keys = keys
        self._page_rows = page_rows
        self._rows = [(key, "x", None) for key in keys]

    async def clock_ns(self) -> int:
        return NOON_NS + NS

    async def change_token(self, objects: Sequence[str]) -> str:
        raise AssertionError(objects)

    async def describe(self, _: Model) -> tuple[Column, ...]:
        return COLUMNS

    async def survey(self, window: Window) -> Survey:
        return Survey(len(self._keys) - self._start(window))

    async def read(self, window: Window) -> AsyncIterator[Page]:
        first = self._start(window)
        last = min(len(self._keys), first + window.limit)
        for i in range(first, last, self._page_rows):
            rows = self._rows[i : min(i + self._page_rows, last)]
            yield Page(COLUMNS, rows, [NOON_NS] * len(rows))

    def _start(self, window: Window) -> int:
        if window.after is None or window.after.key is None:
            return 0
        assert to_text(NOON_NS) == window.after.value
        return int(window.after.key) + 1

    async def close(self) -> None:
        return


class Collecting:
    """Takes pages and keeps their keys."""

    def __init__(self) -> None:
        self.keys: list[object] = []
        self.statements = 0
        self.ended: list[Ended] = []

    def progress(self, _: Model) -> Progress:
        return Progress()

    async def prepare(self, model: Model, *_: object) -> str:
        return model.name

    async def doubted_since_ns(self, _: Model) -> int | None:
        return None

    async def end_doubt(self, _: Model) -> None:
        return

    async def reserve(self, _: str, clock_ns: int, wanted: int, least: int) -> Reservation:
        assert clock_ns > least >= 0
        self.statements += 1
        return Reservation(PEOPLE, 1, "2026-11-01", wanted)

    async def add(self, reservation: Reservation, _: str, page: Page) -> None:
        self.keys += [row[0] for row in page.rows]
        reservation.rows_read += len(page.rows)
        reservation.rows_since_commit += len(page.rows)

    async def commit(
        self, reservation: Reservation, read: Position | None, _: str | None, ended: Ended
    ) -> None:
        assert read is not None
        reservation.rows_since_commit = 0
        self.ended.append(ended)


async def collected(rows: int, page_rows: int, max_rows: int, commit_rows: int) -> Collecting:
    """Read rows of one moment whole, and see that each came once, in order."""
    keys = [f"{i:06}" for i in range(rows)]
    publish = Collecting()
    window = WindowPolicy(0.0, 0.0, max_rows=max_rows, commit_rows=commit_rows)
    source = OneMoment(keys, page_rows)
    follow: FollowStage[str] = FollowStage(
        PEOPLE, TOPIC, window, source, publish, clock=FakeClock(), meter=PollingMeter()
    )
    assert "complete" == await follow.read("t")

    assert keys == publish.keys
    return publish


@pytest.mark.parametrize("page_rows", [1, 7, 1_000])
async def test_a_hundred_thousand_rows_of_one_moment_are_read_once_each(page_rows: int) -> None:
    """In three statements, two of which end in the midst of them."""
    publish = await collected(100_000, page_rows, 33_334, 10_000)

    assert 3 == publish.statements
    assert ["statement", "statement", "poll"] == [e for e in publish.ended if e != "nothing"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 400), st.integers(1, 1_000), st.integers(1, 500), st.integers(1, 500))
async def test_pages_and_statements_of_any_size_cut_nothing_off(
    rows: int, page_rows: int, max_rows: int, commit_rows: int
) -> None:
    """Not a row twice, none left out, and no statement more than it takes."""
    publish = await collected(rows, page_rows, max_rows, commit_rows)

    assert -(-rows // max_rows) == publish.statements
    assert ("poll", 1) == (publish.ended[-1], publish.ended.count("poll"))
