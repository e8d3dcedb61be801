"""SnowflakeSource when the warehouse refuses, is away, or breaks off: what is raised, how soon."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Column, ColumnType, Window
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.stand_ins import CHUNK_ROWS, StandIn
from tests.warehouse_login import MODEL, contacts, options

pytestmark = pytest.mark.warehouse

KEY_AND_WATERMARK = (
    Column("DIM_MARKETING_CONTACT_ID", ColumnType.TEXT),
    Column("LAST_CHANGED", ColumnType.TIMESTAMP_TZ),
)
# Fewer and shorter tries than in production: a test does not wait for them.
QUICK: dict[str, object] = {"retry_max_attempts": 1, "login_timeout": 4, "connect_timeout": 2}


@pytest.fixture
async def source(warehouse: StandIn) -> AsyncIterator[SnowflakeSource]:
    async with closed_after(SnowflakeSource(options(warehouse, **QUICK))) as port:
        yield port


@pytest.fixture(autouse=True)
def _no_fault_stays(warehouse: StandIn) -> Iterator[None]:
    """Other tests use the same warehouse."""
    yield
    warehouse.ask("faults", dict.fromkeys(warehouse.ask("faults"), 0))


async def test_a_wrong_password_is_said_in_our_words(warehouse: StandIn) -> None:
    """Not tried again, and neither the password nor Snowflake's own text is in the sentence."""
    wrong = options(warehouse, password="not-it")
    async with closed_after(SnowflakeSource(wrong)) as source:
        with pytest.raises(ConfigurationError, match="refused the login"):
            await source.clock_ns()
        with pytest.raises(ConfigurationError, match="refused the login") as caught:
            await source.clock_ns()

    assert "check user, role and key" in str(caught.value)
    for theirs in ("not-it", "Incorrect", "specified"):
        assert theirs not in str(caught.value)


@pytest.mark.parametrize("away", ["closed port", "silent port", "unknown host"])
async def test_a_warehouse_that_is_away_is_found_out_in_bounded_time(
    warehouse: StandIn, away: str
) -> None:
    """RetryableError, with the limits of the connection, never for ever."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if away == "silent port":
            server.listen()
        where: dict[str, object] = {"port": server.getsockname()[1]}
        if away == "unknown host":
            where = {"host": "nowhere.invalid"}
        began = time.monotonic()
        async with closed_after(SnowflakeSource(options(warehouse, **QUICK, **where))) as source:
            with pytest.raises(RetryableError, match="did not answer while asking for the time"):
                await source.clock_ns()

    assert time.monotonic() - began < 12


async def test_a_missing_table_is_a_persons_job(source: SnowflakeSource) -> None:
    """Said with what to check and a query id; the text of the statement is not repeated."""
    model = contacts("SELECT 'private@x.com' AS DIM_MARKETING_CONTACT_ID, * FROM NO_SUCH_TABLE")
    with pytest.raises(ConfigurationError, match=r"contacts.*its objects exist") as caught:
        await source.describe(model)
    with pytest.raises(ConfigurationError):
        await source.survey(Window(model, KEY_AND_WATERMARK, None, None, 0))

    assert "private@x.com" not in str(caught.value)
    assert "NO_SUCH_TABLE" not in str(caught.value)


async def test_a_statement_that_is_none_is_a_persons_job(source: SnowflakeSource) -> None:
    """Two statements, or none that parses, end as a sentence; the session goes on."""
    for sql in ("SELEC 1", "SELECT 1; SELECT 2", "SELECT 1) m --"):
        with pytest.raises(ConfigurationError, match="refused the statement"):
            await source.describe(contacts(sql))

    assert await source.clock_ns() > 0


async def test_a_session_that_expired_is_renewed(
    source: SnowflakeSource, warehouse: StandIn
) -> None:
    """The connector does that itself: nobody notices."""
    await source.clock_ns()
    warehouse.ask("faults", {"session_expired": 1})

    assert await source.clock_ns() > 0


async def test_a_login_that_expired_is_made_again_by_the_next_call(
    source: SnowflakeSource, warehouse: StandIn
) -> None:
    """After four hours the session is gone for good: one call fails, the next one logs in."""
    await source.clock_ns()
    before = warehouse.ask("stats")["logins"]
    warehouse.ask("faults", {"session_expired": 1, "master_expired": 1})

    with pytest.raises(RetryableError):
        await source.clock_ns()

    assert await source.clock_ns() > 0
    assert before + 1 == warehouse.ask("stats")["logins"]


async def test_a_login_that_expires_between_windows_loses_nothing(
    source: SnowflakeSource, warehouse: StandIn
) -> None:
    """The window fails as a whole and is read again from its start."""
    columns = await source.describe(MODEL)
    window = Window(MODEL, columns, None, None, 500)
    expected = await _count(source, window)
    warehouse.ask("faults", {"session_expired": 1, "master_expired": 1})

    with pytest.raises(RetryableError):
        await _count(source, window)

    assert expected == await _count(source, window)


async def test_a_result_that_breaks_off_is_an_error_and_not_an_end(
    source: SnowflakeSource, warehouse: StandIn
) -> None:
    """Pages before the break may have come; the rest is never taken for the end of the result."""
    columns = await source.describe(MODEL)
    window = Window(MODEL, columns, None, None, 100_000)
    expected = await _count(source, window)
    assert expected > 3 * CHUNK_ROWS
    warehouse.ask("faults", {"cut_result": 1_000})

    with pytest.raises(RetryableError, match="reading model contacts"):
        await _count(source, window)

    warehouse.ask("faults", {"cut_result": 0})
    assert expected == await _count(source, window)


async def test_a_short_outage_of_a_download_is_survived(warehouse: StandIn) -> None:
    """Two refused downloads are tried again by the connector: every row comes, once."""
    async with closed_after(SnowflakeSource(options(warehouse))) as source:
        columns = await source.describe(MODEL)
        window = Window(MODEL, columns, None, None, 100_000)
        expected = await _count(source, window)
        warehouse.ask("faults", {"chunk_503": 2})

        assert expected == await _count(source, window)


async def test_a_warehouse_that_hangs_is_given_up(warehouse: StandIn) -> None:
    """A statement that does not come back within query_timeout ends as retryable."""
    async with closed_after(SnowflakeSource(options(warehouse, query_timeout=2))) as source:
        await source.clock_ns()
        warehouse.ask("faults", {"stall": 30})
        began = time.monotonic()
        with pytest.raises(RetryableError):
            await source.clock_ns()

        assert time.monotonic() - began < 8
        assert await source.clock_ns() > 0


async def test_closing_while_a_statement_runs_waits_for_its_end_only(
    warehouse: StandIn,
) -> None:
    """close() comes back, also when nothing was ever opened, and closes the session."""
    never = SnowflakeSource(options(warehouse))
    await never.close()
    before = warehouse.ask("stats")["sessions"]
    source = SnowflakeSource(options(warehouse))
    await source.clock_ns()
    warehouse.ask("faults", {"stall": 1})
    asked = asyncio.create_task(source.clock_ns())
    await asyncio.to_thread(time.sleep, 0.3)  # noqa: TID251  # the statement is on its way
    await asyncio.wait_for(source.close(), 10)

    assert await asked > 0
    assert before == warehouse.ask("stats")["sessions"]


async def test_a_model_without_its_key_is_said_before_anything_is_read(
    source: SnowflakeSource,
) -> None:
    """The sentence names the columns there are."""
    with pytest.raises(ConfigurationError, match="has no column NO_KEY"):
        await source.describe(replace(MODEL, primary_key="NO_KEY"))


async def _count(source: SnowflakeSource, window: Window) -> int:
    return sum([len(page.rows) async for page in source.read(window)])
