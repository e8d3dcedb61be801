"""PostgresSource on a real server: what is special about it, beyond the suite of all sources."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.postgres import query
from connectors.postgres import source as module
from connectors.postgres.session import Connection, rows
from connectors.postgres.source import PostgresSource
from connectors.records import Column, ColumnType, Model, Position, Window
from tests.closing import closed_after
from tests.contract.source_desks import PostgresDesk
from tests.postgres import PostgresServer
from worker.rules.watermark import to_text

pytestmark = pytest.mark.postgres

MODEL = Model("people", "", "k", None)
NIGHTLY = "SELECT 'k' || i AS k, now() AS z FROM generate_series(1, 7) i"
# What Python has no value for, with the type it is of.
UNREADABLE = {
    "'infinity'::timestamptz": "timestamptz",
    "'-infinity'::timestamp": "timestamp",
    "'0044-03-15 BC'::date": "date",
    "'12026-01-01'::date": "date",
    "'24:00'::time": "time",
}


@pytest.fixture
async def source(postgres: PostgresServer) -> AsyncIterator[PostgresSource]:
    async with closed_after(PostgresSource(postgres.options)) as port:
        yield port


@pytest.fixture
def table(postgres: PostgresServer) -> str:
    """The name of a table of the test's own."""
    return PostgresDesk(postgres).new_name()


@pytest.mark.parametrize(
    ("sql", "expected", "read"),
    [
        ("'7'::int2", Column("v", ColumnType.DECIMAL, 5), 7),
        ("'7'::int4", Column("v", ColumnType.DECIMAL, 10), 7),
        ("1.1::float4", Column("v", ColumnType.FLOAT), 1.1),
        ("'ab'::char(5)", Column("v", ColumnType.TEXT), "ab"),
        ("'ab'::varchar(5)", Column("v", ColumnType.TEXT), "ab"),
        ("'public'::name", Column("v", ColumnType.TEXT), "public"),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", Column("v", ColumnType.TEXT),
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'calm'::mood", Column("v", ColumnType.TEXT), "calm"),
        ("'x'::nickname", Column("v", ColumnType.TEXT), "x"),
        ("'{\"x\": 1.10}'::jsonb", Column("v", ColumnType.JSON), '{"x": 1.10}'),
        ("'{\"x\":12345678901234567890.10}'::json", Column("v", ColumnType.JSON),
         '{"x":12345678901234567890.10}'),
        ("ARRAY[1.10, NULL]", Column("v", ColumnType.JSON), "[1.10,null]"),
        ("ARRAY['calm'::mood]", Column("v", ColumnType.JSON), '["calm"]'),
        ("ROW(1, 'x')::address", Column("v", ColumnType.JSON), '{"house":1,"street":"x"}'),
        ("ROW(1, 'x')", Column("v", ColumnType.JSON), '{"f1":1,"f2":"x"}'),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("_kinds")
async def test_types_of_its_own_have_a_form(
    source: PostgresSource, sql: str, expected: Column, read: object
) -> None:
    """Digits of numbers in JSON stay as they are; what is made of others becomes JSON."""
    model = replace(MODEL, sql=f"SELECT 'a'::text AS k, {sql} AS v")

    [_, column] = await source.describe(model)

    assert expected == column
    assert [("a", read)] == await _rows(source, model)


@pytest.mark.parametrize(
    "column", ["interval '1 day'", "inet '::1'", "1::numeric", "int4range(1,2)"]
)
async def test_a_type_without_a_form_is_named(source: PostgresSource, column: str) -> None:
    """With its column and what to write instead."""
    model = replace(MODEL, sql=f"SELECT 'a'::text AS k, {column} AS v")
    with pytest.raises(ConfigurationError, match=r"people: column v .*cast it in the SQL"):
        await source.describe(model)


@pytest.mark.parametrize("value", UNREADABLE)
async def test_a_time_that_nobody_can_carry_is_named(source: PostgresSource, value: str) -> None:
    """The column is said, the value is not; the source goes on."""
    kind = UNREADABLE[value]
    sql = f"SELECT 'a' AS k, now() AS x, NULL::{kind} AS v UNION ALL SELECT 'b', now(), {value}"
    model = replace(MODEL, sql=sql)
    with pytest.raises(ConfigurationError, match="column v holds a date or time") as caught:
        await _rows(source, model)

    assert "column_value" == caught.value.kind
    assert "44" not in str(caught.value)
    assert await source.clock_ns() > 0


async def test_a_table_that_is_being_rebuilt_is_not_read_as_empty(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """TRUNCATE is not part of a snapshot: one older than the wait for its lock sees no row."""
    postgres.run(f"CREATE TABLE {table} AS {NIGHTLY}")
    model = replace(MODEL, sql=f"SELECT * FROM {table}")
    window = await _window(source, model)
    with postgres.log_in() as builder:
        builder.execute("BEGIN")
        builder.execute(f"TRUNCATE {table}".encode())
        builder.execute(f"INSERT INTO {table} {NIGHTLY}".encode())
        reading = asyncio.create_task(_read(source, window))
        await postgres.until("wait_event_type = 'Lock'")
        builder.execute("COMMIT")

    assert 7 == len(await reading)


@pytest.mark.parametrize(
    "rebuilt",
    [
        "k text, b text, a text",
        "k text, a text",
        "k text, a text, b float8",
        "k text, a text, b text, c text",
    ],
    ids=["swapped", "dropped", "retyped", "added"],
)
async def test_other_columns_than_described_begin_the_poll_again(
    source: PostgresSource, postgres: PostgresServer, table: str, rebuilt: str
) -> None:
    """The next description is right; nothing waits for a person."""
    postgres.run(f"CREATE TABLE {table} (k text, a text, b text)")
    window = await _window(source, replace(MODEL, sql=f"SELECT * FROM {table}"))
    postgres.run(f"DROP TABLE {table}", f"CREATE TABLE {table} ({rebuilt})")
    for call in (source.survey(window), _read(source, window)):
        with pytest.raises(RetryableError, match="changed its columns") as raised:
            await call
        assert "columns_changed" == raised.value.kind


async def test_a_scale_that_changed_is_another_column(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """Encoded with the scale before, a number would not fit any more."""
    postgres.run(f"CREATE TABLE {table} (k text, n numeric(10, 0))")
    window = await _window(source, replace(MODEL, sql=f"SELECT * FROM {table}"))
    postgres.run(f"ALTER TABLE {table} ALTER COLUMN n TYPE numeric(10, 2)")
    with pytest.raises(RetryableError, match="changed its columns"):
        await _read(source, window)


async def test_a_window_is_one_snapshot(
    source: PostgresSource, postgres: PostgresServer, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed while it is read waits for the next one."""
    monkeypatch.setattr(module, "PAGE_ROWS", 2)
    postgres.run(f"CREATE TABLE {table} AS {NIGHTLY}")
    model = replace(MODEL, sql=f"SELECT * FROM {table}")
    found: list[object] = []
    async for page in source.read(await _window(source, model)):
        found += [row[0] for row in page.rows]
        postgres.run(f"UPDATE {table} SET k = 'x' || k")

    assert [f"k{i}" for i in range(1, 8)] == found


async def test_a_window_is_read_along_an_index(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """The keyset is one comparison that an index on (watermark, key) answers, without a sort."""
    postgres.run(
        f"CREATE TABLE {table} AS SELECT 'k' || i AS k, now() + i * interval '1 s' AS z "
        "FROM generate_series(1, 20000) i",
        f'CREATE INDEX ON {table} (z, k COLLATE "C")',
        f"ANALYZE {table}",
    )
    model = replace(MODEL, sql=f"SELECT * FROM {table} -- all\n;", watermark="z")
    window = await _window(source, model, limit=100)
    [page] = [page async for page in source.read(window)]
    after = Position(to_text(page.watermarks[-1]), str(page.rows[-1][0]))

    plan = await source._ask("explaining", lambda c: _explain(c, replace(window, after=after)))

    assert "Index Cond" in plan
    assert "ROW(z, k) > ROW(" in plan
    assert "Sort" not in plan


async def test_memory_holds_a_page_and_not_the_result(source: PostgresSource) -> None:
    """A result of 160 MB is fetched as it is taken."""
    sql = "SELECT i AS k, repeat('x', 4000) AS v FROM generate_series(1, 40000) i"
    model = replace(MODEL, sql=sql)
    window = await _window(source, model)
    before, most, found = _resident_bytes(), 0, 0
    async for page in source.read(window):
        found += len(page.rows)
        most = max(most, _resident_bytes())

    assert 40_000 == found
    assert most - before < 60 * 2**20


async def test_a_session_is_in_utc_and_reads_only(
    source: PostgresSource, postgres: PostgresServer
) -> None:
    """Whatever options or the role say: dates in the SQL mean the same everywhere."""
    postgres.run("CREATE SEQUENCE numbers", "GRANT USAGE ON SEQUENCE numbers TO hightide")
    settings = "current_setting('TimeZone') AS v, current_setting('application_name') AS a"
    model = replace(MODEL, sql=f"SELECT 'a'::text AS k, {settings}")
    options = {**postgres.options, "options": "-c TimeZone=America/New_York"}
    async with closed_after(PostgresSource(options)) as elsewhere:
        assert [("a", "UTC", "hightide")] == await _rows(elsewhere, model)

    writes = replace(MODEL, sql="SELECT nextval('numbers')::text AS k")
    with pytest.raises(ConfigurationError, match=r"people \(SQLSTATE 25006\)"):
        await _rows(source, writes)


async def test_a_model_the_user_may_not_read_is_a_persons_job(
    postgres: PostgresServer, table: str
) -> None:
    """The state says which of the reasons it is."""
    postgres.run(f"CREATE TABLE {table} AS {NIGHTLY}", f"CREATE ROLE {table} LOGIN PASSWORD 'x'")
    options = {**postgres.options, "user": table, "password": "x"}
    async with closed_after(PostgresSource(options)) as stranger:
        with pytest.raises(ConfigurationError, match=r"SQLSTATE 42501.*the user may read them"):
            await stranger.describe(replace(MODEL, sql=f"SELECT * FROM {table}"))


@pytest.fixture(scope="module")
def _kinds(postgres: PostgresServer) -> None:
    """Types that only this database has."""
    postgres.run(
        "CREATE TYPE mood AS ENUM ('wild', 'calm')",
        "CREATE DOMAIN nickname AS varchar(9)",
        "CREATE TYPE address AS (house int, street text)",
    )


async def _window(source: PostgresSource, model: Model, limit: int = 1_000_000) -> Window:
    return Window(model, await source.describe(model), None, None, limit)


async def _rows(source: PostgresSource, model: Model) -> list[tuple[object, ...]]:
    return await _read(source, await _window(source, model))


async def _read(source: PostgresSource, window: Window) -> list[tuple[object, ...]]:
    return [row async for page in source.read(window) for row in page.rows]


def _explain(connection: Connection, window: Window) -> str:
    statement = query.read(window, module._same_natives(connection, window))
    plan = rows(connection, query.Statement(f"EXPLAIN {statement.sql}", statement.binds))
    return "\n".join(line for [line] in plan)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
