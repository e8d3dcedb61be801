"""A poll by watermark: counted first, reserved to the row, read again from where a doubt begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Page, Survey, Window
from tests.fakes_polling import COLUMNS, PEOPLE, FakeSource, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.mqr import MqrPolicy
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

KEYS = tuple("abcdefghij")
MIDNIGHT_NS = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * NS
PEOPLE_ALWAYS = replace(PEOPLE, change_tokens=())
NO_OVERLAP = WindowPolicy(0.0, 0.0, max_rows=100, commit_rows=100)


class StoppingSource(FakeSource):
    """Asks the process to stop once its first page is out."""

    process: Process | None = None

    async def read(self, window: Window) -> AsyncIterator[Page]:
        async for page in super().read(window):
            yield page
            if self.process is not None:
                self.process.clock.stop()


@pytest.fixture
def outside() -> Outside:
    made = Outside(PEOPLE_ALWAYS)
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


def reserved(outside: Outside) -> list[int]:
    return [entry.reserved for entry in outside.ledger if entry.kind == "reserve"]


async def test_what_is_reserved_is_what_was_counted(outside: Outside, tmp_path: Path) -> None:
    """Ten rows, four to a statement: 4, 4 and 2; a crash leaves no larger doubt behind."""
    made = await Process(outside, tmp_path).start()
    await made.poll.poll_once()
    made.close()

    assert [4, 4, 2] == reserved(outside)
    assert [4, 4, 2] == [window.limit for window in outside.windows]


async def test_where_nothing_is_to_be_read_nothing_is_queried(
    outside: Outside, tmp_path: Path
) -> None:
    """The survey found no row: no statement, no reservation, and the poll is complete."""
    made = await Process(outside, tmp_path, window=NO_OVERLAP).start()
    await made.poll.poll_once()
    before = (len(outside.windows), reserved(outside))
    assert "complete" == await made.poll.poll_once()
    made.close()

    assert before == (len(outside.windows), reserved(outside))


async def test_an_empty_poll_keeps_the_token(tmp_path: Path) -> None:
    """A row left, so the table moved and there is none to read: the next poll need not look."""
    outside = Outside()
    outside.write("one", *KEYS)
    outside.write("one", "k")
    outside.clock_ns += NS
    made = await Process(outside, tmp_path, window=NO_OVERLAP).start()
    await made.poll.poll_once()
    del outside.table["k"]

    assert "complete" == await made.poll.poll_once()
    assert "unchanged" == await made.poll.poll_once()
    made.close()


async def test_near_the_limit_no_crumbs_are_queried(tmp_path: Path) -> None:
    """250 rows, 220 permitted: two statements of 100; the last 20 would not end it either."""
    outside = Outside(PEOPLE_ALWAYS)
    outside.write("one", *(f"{i:03}" for i in range(250)))
    outside.clock_ns += NS
    window = WindowPolicy(0.0, 0.0, max_rows=100, commit_rows=100)
    made = await Process(
        outside, tmp_path, mqr=MqrPolicy(limit=220), window=window, page_rows=100
    ).start()

    assert "limit_reached" == await made.poll.poll_once()
    assert "limit_reached" == await made.poll.poll_once()
    assert [100, 100] == [w.limit for w in outside.windows]
    made.close()


async def test_what_a_replaced_poller_wrote_over_is_read_again(
    outside: Outside, tmp_path: Path
) -> None:
    """Its late record stands last, with the older version: the newer one is published once more."""
    first = await Process(outside, tmp_path, name="A", window=NO_OVERLAP).start()
    await first.poll.poll_once()
    old = outside.topic[KEYS.index("c")]
    outside.write("two", "c")
    outside.clock_ns += NS
    second = await Process(outside, tmp_path, name="B", window=NO_OVERLAP).start()
    await second.poll.poll_once()
    outside.topic.append(old)
    outside.epochs.append(first.account.epoch)
    outside.clock_ns += NS
    await second.poll.poll_once()
    assert "two" in outside.newest()["c"]
    assert 1 == second.meter.superseded_rows
    before = len(outside.windows)
    await second.poll.poll_once()

    assert before == len(outside.windows)
    first.close()
    second.close()


async def test_a_poll_that_is_stopped_leaves_the_doubt_as_it_was(
    outside: Outside, tmp_path: Path
) -> None:
    """Stopped before it had read the key again: the next process does."""
    made = await Process(outside, tmp_path, name="A", window=NO_OVERLAP).start()
    await made.poll.poll_once()
    made.close()
    outside.write("two", "j")
    outside.clock_ns += NS
    source = StoppingSource(outside)
    second = await Process(outside, tmp_path, name="B", window=NO_OVERLAP, source=source).start()
    await second.poll.poll_once()
    outside.topic.append(outside.topic[KEYS.index("j")])
    outside.epochs.append(made.account.epoch)
    outside.clock_ns += NS
    source.process = second
    await second.poll.poll_once()
    assert "one" in outside.newest()["j"]
    second.close()
    third = await Process(outside, tmp_path, name="B", window=NO_OVERLAP).start()
    await third.poll.poll_once()
    third.close()

    assert "two" in outside.newest()["j"]


async def test_a_survey_that_lasts_does_not_move_a_statement_into_the_old_period(
    tmp_path: Path,
) -> None:
    """Asked at the month's last second, surveyed for a minute: read and counted in the new one."""

    class SlowSurvey(FakeSource):
        async def survey(self, window: Window) -> Survey:
            self._outside.clock_ns += 60 * NS
            return await super().survey(window)

    outside = Outside(PEOPLE_ALWAYS)
    outside.write("one", *KEYS)
    outside.clock_ns = MIDNIGHT_NS - NS
    made = await Process(outside, tmp_path, window=NO_OVERLAP, source=SlowSurvey(outside)).start()
    await made.poll.poll_once()
    made.close()

    assert {"2026-12-01"} == {entry.period for entry in outside.ledger}


async def test_the_watermark_column_may_not_leave_the_model(
    outside: Outside, tmp_path: Path
) -> None:
    """Named, with the columns there are, before a row is read."""
    made = await Process(outside, tmp_path).start()
    outside.columns = COLUMNS[:2]
    with pytest.raises(ConfigurationError, match="no column CHANGED; it has ID, NAME"):
        await made.poll.poll_once()
    made.close()

    assert [] == outside.windows
