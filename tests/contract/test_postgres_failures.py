"""PostgresSource when the server refuses, hangs, or goes away: what is raised, how soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.postgres import session
from connectors.postgres.source import PostgresSource
from connectors.records import Model, Window
from tests.closing import closed_after
from tests.postgres import PostgresServer, run_postgres

pytestmark = pytest.mark.postgres

MODEL = Model("people", "SELECT 'a'::text AS k", "k", None)
ASLEEP = replace(MODEL, sql="SELECT pg_sleep(60)::text AS k")
SLEEPS = "wait_event = 'PgSleep'"


@pytest.fixture
async def source(postgres: PostgresServer) -> AsyncIterator[PostgresSource]:
    async with closed_after(PostgresSource(postgres.options)) as port:
        yield port


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that nobody else uses: it may be ended."""
    with run_postgres() as server:
        yield server


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "nobody"},
        {"dbname": "no_such_database"},
        {"password": ""},
        {"options": "-c no_such_setting=1"},
        {"dbname": "locked"},
        {"dbname": "closed"},
    ],
    ids=["user", "database", "no password", "setting", "no right", "no connections"],
)
async def test_a_refused_login_is_a_persons_job(
    postgres: PostgresServer, wrong: dict[str, object]
) -> None:
    """Said with what to check; nothing of the server's own text is in the sentence."""
    _databases(postgres)
    async with closed_after(PostgresSource({**postgres.options, **wrong})) as source:
        with pytest.raises(ConfigurationError, match=r"refused the login.*check user") as caught:
            await source.clock_ns()

    assert "postgres_login" == caught.value.kind
    for theirs in ("nobody", "FATAL", "failed", "does not exist", "no_such_setting"):
        assert theirs not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"no_such_option": 1}, {"connect_timeout": "soon"}])
async def test_an_unknown_option_is_a_persons_job(
    postgres: PostgresServer, wrong: dict[str, object]
) -> None:
    """A slip in the YAML is not the server's fault."""
    async with closed_after(PostgresSource({**postgres.options, **wrong})) as source:
        with pytest.raises(ConfigurationError, match="an option under `connection`"):
            await source.clock_ns()


async def test_a_full_server_is_tried_again(postgres: PostgresServer) -> None:
    """Too many connections are a matter of time."""
    postgres.run("DROP ROLE IF EXISTS crowd", "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
    postgres.run(f"ALTER ROLE crowd PASSWORD '{postgres.options['password']}'")
    async with closed_after(PostgresSource({**postgres.options, "user": "crowd"})) as source:
        with pytest.raises(RetryableError, match="did not answer"):
            await source.clock_ns()


async def test_a_server_that_restarts_is_found_again(own_server: PostgresServer) -> None:
    """While it is away everything is tried again; afterwards one call logs in anew."""
    async with closed_after(PostgresSource(own_server.options)) as source:
        assert await source.clock_ns() > 0
        own_server.stop("fast")
        for _ in range(2):
            with pytest.raises(RetryableError, match="did not answer while asking for the time"):
                await source.clock_ns()
        own_server.start()

        assert await source.clock_ns() > 0


async def test_a_crash_in_the_middle_of_a_window_loses_nothing(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came is not taken for all of it; the window is read again from its start."""
    monkeypatch.setattr("connectors.postgres.source.PAGE_ROWS", 10)
    model = replace(MODEL, sql="SELECT i AS k FROM generate_series(1, 35) i")
    async with closed_after(PostgresSource(own_server.options)) as source:
        window = await _window(source, model)
        reading = source.read(window)
        assert 10 == len((await anext(reading)).rows)
        own_server.stop("immediate")
        with pytest.raises(RetryableError, match="reading model people"):
            await anext(reading)
        own_server.start()

        assert [10, 10, 10, 5] == [len(page.rows) async for page in source.read(window)]


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    postgres: PostgresServer,
) -> None:
    """The limit of the connection's options wins over ours, and the next statement runs."""
    options = {**postgres.options, "options": "-c statement_timeout=100ms"}
    async with closed_after(PostgresSource(options)) as source:
        window = await _window(source, ASLEEP)
        with pytest.raises(RetryableError, match="SQLSTATE 57014"):
            await _rows(source, window)

        assert await source.clock_ns() > 0


async def test_a_statement_has_a_limit_when_nobody_set_one(source: PostgresSource) -> None:
    """Fifteen minutes, as for every source."""
    limits = "current_setting('statement_timeout') AS s"
    model = replace(MODEL, sql=f"SELECT 'a'::text AS k, {limits}")

    assert [("a", "15min")] == await _rows(source, await _window(source, model))


async def test_a_server_that_hangs_is_given_up(
    source: PostgresSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen one keeps its line open and never says a word."""
    window = await _window(source, ASLEEP)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(RetryableError, match="hung while reading model people"):
        await _rows(source, window)

    assert time.monotonic() - began < 5
    assert await source.clock_ns() > 0


async def test_a_read_that_is_cancelled_ends_at_once(
    source: PostgresSource, postgres: PostgresServer
) -> None:
    """It waits for no statement; other questions are not concerned."""
    reading = asyncio.create_task(_rows(source, await _window(source, ASLEEP)))
    await postgres.until(SLEEPS)
    reading.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert time.monotonic() - began < 5
    assert await source.clock_ns() > 0


async def test_closing_waits_for_no_statement(postgres: PostgresServer) -> None:
    """A process that was asked to stop has seconds, not the quarter of an hour of a statement."""
    source = PostgresSource(postgres.options)
    surveying = asyncio.create_task(source.survey(await _window(source, ASLEEP)))
    reading = asyncio.create_task(_rows(source, await _window(source, ASLEEP)))
    await postgres.until(SLEEPS)
    began = time.monotonic()
    await source.close()

    assert time.monotonic() - began < 5
    for task in (surveying, reading):
        with pytest.raises(RetryableError):
            await task
    with pytest.raises(RetryableError, match="logged out"):
        await source.clock_ns()


async def test_no_connection_is_left_behind(own_server: PostgresServer) -> None:
    """Reads end with their session, however they end."""
    source = PostgresSource(own_server.options)
    window = await _window(source, MODEL)
    await _rows(source, window)
    async for _ in source.read(window):
        break
    await source.survey(window)
    await source.close()

    mine = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'hightide'"
    assert await own_server.until_value(mine)


def _databases(server: PostgresServer) -> None:
    """One that hightide has no right to connect to, one that takes no connection."""
    with server.log_in() as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'locked'").fetchone()
        if found is None:
            connection.execute("CREATE DATABASE locked")
            connection.execute("REVOKE CONNECT ON DATABASE locked FROM PUBLIC")
            connection.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")


async def _window(source: PostgresSource, model: Model) -> Window:
    return Window(model, await source.describe(model), None, None, 1_000)


async def _rows(source: PostgresSource, window: Window) -> list[tuple[object, ...]]:
    return [row async for page in source.read(window) for row in page.rows]
