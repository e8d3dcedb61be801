"""A poll brings the topic up to the model, asks for nothing in vain, and stops with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, FencedError, RetryableError
from connectors.records import Column, ColumnType, Survey
from tests.fakes_polling import COLUMNS, PEOPLE, Outside
from tests.unit.stages.desk import cancel
from tests.unit.stages.polling_desk import Process
from worker.rules.mqr import MqrPolicy
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

KEYS = tuple("abcdefghij")


@pytest.fixture
def outside() -> Outside:
    made = Outside()
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


async def until(condition: Callable[[], object]) -> None:
    """Wait for the threads that the index works in."""
    for _ in range(5_000):
        if condition():
            return
        await asyncio.sleep(0.001)  # noqa: TID251  # real threads take real time
    raise AssertionError("it never happened")


async def process(outside: Outside, path: Path, **options: object) -> Process:
    return await Process(outside, path, **options).start()  # type: ignore[arg-type]  # as they come


async def test_a_first_poll_publishes_every_row_once(outside: Outside, tmp_path: Path) -> None:
    """Ten rows with one change time, four to a statement: no row twice, none left out."""
    made = await process(outside, tmp_path)

    assert "complete" == await made.poll.poll_once()
    assert list(KEYS) == outside.published()
    assert 10 == outside.ledger[-1].used


async def test_nothing_is_asked_while_the_token_stands_still(
    outside: Outside, tmp_path: Path
) -> None:
    """Neither a query nor a ledger record: an idle poll costs nothing."""
    made = await process(outside, tmp_path)
    await made.poll.poll_once()
    before = (len(outside.windows), len(outside.ledger))

    assert "unchanged" == await made.poll.poll_once()
    assert before == (len(outside.windows), len(outside.ledger))


async def test_a_query_is_forced_after_a_while(outside: Outside, tmp_path: Path) -> None:
    """A model with GETDATE() changes by itself."""
    made = await process(outside, tmp_path)
    await made.poll.poll_once()
    before = len(outside.windows)
    made.clock.seconds += 3_600.0

    assert "complete" == await made.poll.poll_once()
    assert len(outside.windows) > before


async def test_what_did_not_change_is_read_and_not_published(
    outside: Outside, tmp_path: Path
) -> None:
    """A daily build flags every row; only the one with another name goes to the topic."""
    made = await process(outside, tmp_path)
    await made.poll.poll_once()
    outside.write("one", *KEYS)
    outside.write("two", "c")
    outside.clock_ns += NS
    await made.poll.poll_once()

    assert [*KEYS, "c"] == outside.published()
    assert (11, 10) == (made.meter.published, outside.ledger[-1].used)
    assert made.meter.read == made.meter.published + made.meter.unchanged


async def test_a_row_that_commits_late_is_found_in_the_overlap(
    outside: Outside, tmp_path: Path
) -> None:
    """Its change time lies below the watermark by the time it can be seen."""
    made = await process(outside, tmp_path)
    await made.poll.poll_once()
    changed_ns, _ = outside.table["a"]
    outside.table["late"] = (changed_ns - NS, "late")
    outside.write("two", "a")
    outside.clock_ns += NS
    await made.poll.poll_once()

    assert {"late", "a"} == set(outside.published()[10:])


async def test_rows_that_have_not_settled_are_read_by_the_next_poll(
    outside: Outside, tmp_path: Path
) -> None:
    """Though the token stands still since: it says of them that they are there, not read."""
    window = WindowPolicy(settle_delay_seconds=30.0)
    made = await process(outside, tmp_path, window=window)
    await made.poll.poll_once()
    assert [] == outside.published()
    outside.clock_ns += 60 * NS
    made.clock.seconds += 60.0
    await made.poll.poll_once()

    assert list(KEYS) == outside.published()
    assert "unchanged" == await made.poll.poll_once()


async def test_the_token_is_kept_only_once_everything_was_read(
    outside: Outside, tmp_path: Path
) -> None:
    """Stopped by the MQR limit in the middle: the next poll must not take itself for idle."""
    made = await process(outside, tmp_path, mqr=MqrPolicy(limit=6))

    assert "limit_reached" == await made.poll.poll_once()
    assert (4, 4) == (len(outside.returned), outside.ledger[-1].used)
    assert "limit_reached" == await made.poll.poll_once()
    assert 4 == len(outside.returned)


async def test_rows_that_can_not_be_used_are_counted_and_hold_up_no_other(
    outside: Outside, tmp_path: Path
) -> None:
    """NULL keys, NULL watermarks, a key twice: said by number, while all that can be read is."""
    outside.unusable = Survey(0, null_keys=2, null_watermarks=3, duplicate_keys=1)
    made = await process(outside, tmp_path)

    assert "complete" == await made.poll.poll_once()
    assert [Survey(10, 2, 3, 1)] == made.meter.surveys
    assert list(KEYS) == outside.published()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (COLUMNS[1:], "no column ID; it has NAME, CHANGED"),
        (COLUMNS[:2], "no column CHANGED; it has ID, NAME"),
        ((COLUMNS[0], Column("NAME", ColumnType.FLOAT), COLUMNS[2]), "the type of NAME changed"),
    ],
)
async def test_a_missing_or_retyped_column_stops_the_model(
    outside: Outside, tmp_path: Path, columns: tuple[Column, ...], said: str
) -> None:
    """With its name, before a row is read."""
    made = await process(outside, tmp_path)
    await made.poll.poll_once()
    before = len(outside.windows)
    outside.write("two", "a")
    outside.columns = columns
    with pytest.raises(ConfigurationError, match=said):
        await made.poll.poll_once()

    assert before == len(outside.windows)


async def test_another_statement_is_another_model(outside: Outside, tmp_path: Path) -> None:
    """Its watermark means something else: a person decides whether to keep it."""
    await (await process(outside, tmp_path)).poll.poll_once()
    outside.model = replace(PEOPLE, sql="SELECT * FROM OTHER")
    made = await process(outside, tmp_path, name="B")
    with pytest.raises(ConfigurationError, match="hightide baseline people --keep"):
        await made.poll.poll_once()


async def test_of_two_pollers_the_later_one_goes_on(outside: Outside, tmp_path: Path) -> None:
    """The first finds out at its next ledger record; what it read meanwhile counts for nothing."""
    first = await process(outside, tmp_path)
    await first.poll.poll_once()
    second = await process(outside, tmp_path, name="B")
    outside.write("two", "a")
    outside.clock_ns += NS
    await second.poll.poll_once()
    outside.write("three", "b")
    outside.clock_ns += NS
    watermark = second.account.progress(PEOPLE).watermark
    with pytest.raises(FencedError):
        await first.poll.poll_once()

    await second.account.recover()
    assert watermark == second.account.progress(PEOPLE).watermark
    assert [*KEYS, "a"] == outside.published()


async def test_failures_are_waited_out_and_said(outside: Outside, tmp_path: Path) -> None:
    """Retrying with backoff, stopped with probes, running again; fenced ends it."""
    made = await process(outside, tmp_path)
    outside.failure = RetryableError("down", kind="network")
    running = asyncio.create_task(made.poll.run())
    await until(lambda: made.meter.errors)
    assert {"network"} == set(made.meter.errors)
    assert ("retrying", "down") == made.meter.states[-1]
    outside.failure = None
    await until(lambda: made.meter.results)
    assert "complete" == made.meter.results[0]
    await cancel(running)


async def test_the_interval_counts_from_the_start_of_a_poll(
    outside: Outside, tmp_path: Path
) -> None:
    """A poll a minute, whatever it found."""
    made = await process(outside, tmp_path)
    running = asyncio.create_task(made.poll.run())
    await until(lambda: len(made.meter.results) >= 5)
    made.clock.stop()
    await running

    assert {60.0} == set(made.clock.slept)
    assert outside.tokens_asked >= 5
