"""SnowflakeSource while others act: a table is built anew, a password rotates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Model, Window
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.stand_ins import PASSWORD, StandIn
from tests.warehouse_login import contacts, log_in, options

pytestmark = pytest.mark.warehouse


@pytest.fixture
async def source(warehouse: StandIn) -> AsyncIterator[SnowflakeSource]:
    async with closed_after(SnowflakeSource(options(warehouse))) as port:
        yield port


@pytest.fixture
def cursor(warehouse: StandIn) -> Iterator[Any]:
    """A login of the test's own: the one who builds the table."""
    with log_in(warehouse) as connection, closing(connection.cursor()) as own:
        yield own


def build(cursor: Any, prefix: str, columns: str) -> Model:
    """Build the table anew with one row."""
    table = f"PREP.SENSITIVE.{prefix.strip('-').upper()}"
    cursor.execute(f"CREATE OR REPLACE TABLE {table} (K VARCHAR, {columns}, Z TIMESTAMP_TZ(9))")
    cursor.execute(f"INSERT INTO {table} (K, Z) SELECT 'a', '2026-01-01 00:00:00+00:00'")
    return contacts(f"SELECT * FROM {table}", primary_key="K", watermark="Z")


@pytest.mark.parametrize(
    "rebuilt",
    ["FIRST_NAME VARCHAR", "FIRST_NAME VARCHAR, LAST_NAME FLOAT"],
    ids=["dropped", "retyped"],
)
async def test_a_table_built_anew_since_it_was_described_is_not_read(
    source: SnowflakeSource, cursor: Any, topic_prefix: str, rebuilt: str
) -> None:
    """The poll begins again, and then it is right."""
    model = build(cursor, topic_prefix, "FIRST_NAME VARCHAR, LAST_NAME VARCHAR")
    columns = await source.describe(model)
    build(cursor, topic_prefix, rebuilt)
    with pytest.raises(RetryableError, match="changed its columns") as raised:
        await rows(source, Window(model, columns, None, None, 10))
    assert "columns_changed" == raised.value.kind

    again = await source.describe(model)
    assert ["a"] == [row[0] for row in await rows(source, Window(model, again, None, None, 10))]


@pytest.mark.parametrize(
    "rebuilt",
    [
        "LAST_NAME VARCHAR, FIRST_NAME VARCHAR",
        "NICK_NAME VARCHAR, FIRST_NAME VARCHAR, LAST_NAME VARCHAR",
    ],
    ids=["swapped", "added"],
)
async def test_columns_are_read_by_name(
    source: SnowflakeSource, cursor: Any, topic_prefix: str, rebuilt: str
) -> None:
    """Built anew in another order, each value still stands under its own name."""
    model = build(cursor, topic_prefix, "FIRST_NAME VARCHAR, LAST_NAME VARCHAR")
    columns = await source.describe(model)
    built = build(cursor, topic_prefix, rebuilt)
    table = built.sql.rsplit(" ", 1)[1]
    cursor.execute(f"UPDATE {table} SET LAST_NAME = 'Doe'")
    [row] = await rows(source, Window(model, columns, None, None, 10))

    assert ("a", None, "Doe") == row[:3]


async def test_a_scale_that_changed_is_another_column(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """Encoded with the scale before, a number would not fit any more."""
    model = build(cursor, topic_prefix, "AMOUNT NUMBER(10, 0)")
    columns = await source.describe(model)
    build(cursor, topic_prefix, "AMOUNT NUMBER(10, 2)")
    with pytest.raises(RetryableError, match="changed its columns"):
        await rows(source, Window(model, columns, None, None, 10))


async def test_the_same_table_built_anew_is_read(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """A daily build changes no column: nothing to wait for."""
    model = build(cursor, topic_prefix, "AMOUNT NUMBER(10, 2), FIRST_NAME VARCHAR")
    columns = await source.describe(model)
    build(cursor, topic_prefix, "AMOUNT NUMBER(10, 2), FIRST_NAME VARCHAR")

    assert 1 == len(await rows(source, Window(model, columns, None, None, 10)))


async def test_the_password_is_read_anew_at_each_login(warehouse: StandIn) -> None:
    """A refused login with the old one, then the file has the new one: no restart is needed."""
    now = {"password": "the-old-one"}
    asked: list[str] = []

    def secrets() -> Mapping[str, object]:
        asked.append(now["password"])
        return dict(now)

    without = {name: value for name, value in options(warehouse).items() if name != "password"}
    async with closed_after(SnowflakeSource(without, secrets)) as source:
        with pytest.raises(ConfigurationError, match="refused the login"):
            await source.clock_ns()
        now["password"] = PASSWORD
        assert await source.clock_ns() > 0
        assert await source.clock_ns() > 0

    # Asked for before each statement too, to see whether it has changed.
    assert ["the-old-one", PASSWORD, PASSWORD] == asked


async def rows(source: SnowflakeSource, window: Window) -> list[tuple[object, ...]]:
    return [row async for page in source.read(window) for row in page.rows]
