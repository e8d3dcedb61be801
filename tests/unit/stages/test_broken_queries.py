"""A query that broke off: what it may have returned is held, read again, counted or charged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, ConnectorError, RetryableError
from tests.fakes_polling import PEOPLE, CrashError, Outside
from tests.unit.stages.breaking import BreakingSource
from tests.unit.stages.polling_desk import Process
from worker.rules.mqr import MqrPolicy
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

KEYS = tuple("abcdefghij")
PEOPLE_ALWAYS = replace(PEOPLE, change_tokens=())
NO_OVERLAP = WindowPolicy(0.0, 0.0, max_rows=100, commit_rows=100)
DOWN = RetryableError("down", kind="network")


@pytest.fixture
def outside() -> Outside:
    made = Outside(PEOPLE_ALWAYS)
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


async def broken(
    outside: Outside, path: Path, failure: ConnectorError, pages: int
) -> tuple[Process, BreakingSource]:
    """Return a process whose first statement broke off after some pages."""
    source = BreakingSource(outside)
    made = await Process(outside, path, window=NO_OVERLAP, source=source).start()
    source.failure, source.pages = failure, pages
    with pytest.raises(type(failure)):
        await made.poll.poll_once()
    source.failure = None
    return made, source


async def test_rows_of_a_broken_query_are_held_and_let_go_once_read(
    outside: Outside, tmp_path: Path
) -> None:
    """Three of ten rows came, seven may have: held until the next poll has them."""
    made, _ = await broken(outside, tmp_path, DOWN, pages=1)
    assert (3, 7, 0) == (
        outside.ledger[-1].used, outside.ledger[-1].reserved, outside.ledger[-1].uncertain
    )  # fmt: skip
    await made.poll.poll_once()
    made.close()

    last = outside.ledger[-1]
    assert (10, 0, 0) == (last.used, last.reserved, last.uncertain)


async def test_rows_of_a_broken_query_that_are_gone_are_charged(
    outside: Outside, tmp_path: Path
) -> None:
    """Two of the seven left the model before they were read again: nobody knows whether they came.

    The charge is of the period: the next poll finds it, whichever process makes it.
    """
    made, _ = await broken(outside, tmp_path, DOWN, pages=1)
    del outside.table["i"], outside.table["j"]
    await made.poll.poll_once()
    last = outside.ledger[-1]
    assert (8, 0, 2) == (last.used, last.reserved, last.uncertain)
    made.close()
    after = await Process(outside, tmp_path / "anew", mqr=MqrPolicy(limit=11)).start()
    outside.write("one", "k", "l")
    outside.clock_ns += NS

    assert "limit_reached" == await after.poll.poll_once()
    after.close()


async def test_rows_that_were_counted_before_are_charged_for_nothing(
    outside: Outside, tmp_path: Path
) -> None:
    """A daily build flags all ten and its query breaks off: read again in three statements."""
    four = WindowPolicy(0.0, 0.0, max_rows=4, commit_rows=100)
    source = BreakingSource(outside)
    made = await Process(outside, tmp_path, window=four, source=source).start()
    await made.poll.poll_once()
    outside.write("two", *KEYS)
    outside.clock_ns += NS
    source.failure = DOWN
    with pytest.raises(RetryableError):
        await made.poll.poll_once()
    assert (10, 4) == (outside.ledger[-1].used, outside.ledger[-1].reserved)
    source.failure = None
    await made.poll.poll_once()
    made.close()

    last = outside.ledger[-1]
    assert (10, 0, 0) == (last.used, last.reserved, last.uncertain)


async def test_all_rows_of_a_crashed_query_gone_are_all_charged(
    outside: Outside, tmp_path: Path
) -> None:
    """Two processes died over them, the second with fewer rows to ask for than the first."""
    for name in ("A", "B"):
        made = await Process(outside, tmp_path, name=name, window=NO_OVERLAP).start()
        outside.crash_at = outside.steps + 5
        with pytest.raises(CrashError):
            await made.poll.poll_once()
        made.close()
        assert 10 == outside.ledger[-1].reserved
        outside.table = {"a": outside.table["a"]}
    outside.table.clear()
    last = await Process(outside, tmp_path, name="C", window=NO_OVERLAP).start()
    await last.poll.poll_once()
    last.close()

    assert (0, 0, 10) == (
        outside.ledger[-1].used, outside.ledger[-1].reserved, outside.ledger[-1].uncertain
    )  # fmt: skip


async def test_a_query_that_was_refused_returned_nothing(outside: Outside, tmp_path: Path) -> None:
    """A statement that does not compile holds nothing back and is charged for nothing."""
    wrong = ConfigurationError("no such column", kind="snowflake_statement")
    made, _ = await broken(outside, tmp_path, wrong, pages=0)
    made.close()

    last = outside.ledger[-1]
    assert ("commit", 0, 0, 0) == (last.kind, last.used, last.reserved, last.uncertain)


async def test_old_rows_of_the_overlap_do_not_stand_for_those_that_are_held(
    tmp_path: Path,
) -> None:
    """Row c was returned and not counted; a and b, read again before it, do not let go of it."""
    outside = Outside(PEOPLE_ALWAYS)
    outside.write("one", "a", "b", "c")
    outside.clock_ns += NS
    window = WindowPolicy(overlap_seconds=5.0, settle_delay_seconds=0.0, max_rows=1)
    made = await Process(outside, tmp_path, window=window).start()
    outside.crash_when = lambda: len(outside.returned) == 3
    with pytest.raises(CrashError):
        await made.poll.poll_once()
    made.close()
    assert (2, 1) == (outside.ledger[-2].used, outside.ledger[-1].reserved)
    outside.crash_when = lambda: False
    before = len(outside.ledger)
    again = await Process(outside, tmp_path, window=window).start()
    await again.poll.poll_once()
    again.close()

    assert [(2, 1), (2, 1), (3, 0)] == [
        (entry.used, entry.reserved) for entry in outside.ledger[before:] if entry.kind == "commit"
    ]


async def test_a_row_that_came_hides_one_that_left(outside: Outside, tmp_path: Path) -> None:
    """What is known to be missing: of a query's rows only their number is in the ledger.

    Row j was returned unseen and left; k, written since, takes its place among the seven that are
    read again. The bill says 11, the books say 10.
    """
    made, _ = await broken(outside, tmp_path, DOWN, pages=1)
    del outside.table["j"]
    outside.write("one", "k")
    outside.clock_ns += NS
    await made.poll.poll_once()
    made.close()

    last = outside.ledger[-1]
    assert (10, 0, 0) == (last.used, last.reserved, last.uncertain)
    assert 11 == len(outside.returned)
