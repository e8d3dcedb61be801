"""SnowflakeSource and the user's own model: what the suite of all sources does not know of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest

from connectors.records import Column, ColumnType, Page, Position, Window
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.stand_ins import StandIn
from tests.warehouse_login import KEY, MODEL, TABLE, WATERMARK, log_in, options
from worker.rules.watermark import to_text

pytestmark = pytest.mark.warehouse


@pytest.fixture
async def source(warehouse: StandIn) -> AsyncIterator[SnowflakeSource]:
    async with closed_after(SnowflakeSource(options(warehouse))) as port:
        yield port


@pytest.fixture
def cursor(warehouse: StandIn) -> Iterator[Any]:
    """A login of the test's own, for what the worker never does."""
    with log_in(warehouse) as connection, closing(connection.cursor()) as own:
        yield own


async def test_the_clock_is_the_warehouses_in_nanoseconds(
    source: SnowflakeSource, cursor: Any
) -> None:
    """The upper bound of a window never comes from our own clock."""
    asked = "SELECT DATE_PART(EPOCH_NANOSECOND, SYSDATE())"
    before = cursor.execute(asked).fetchone()[0]
    found = await source.clock_ns()
    after = cursor.execute(asked).fetchone()[0]

    assert int(before) <= found <= int(after)
    assert found > 10**18


async def test_the_token_stands_still_until_a_row_changes(
    source: SnowflakeSource, warehouse: StandIn
) -> None:
    """Asked twice it is equal; after a trickle it is another one."""
    first = await source.change_token([TABLE])
    assert first == await source.change_token([TABLE])

    await asyncio.to_thread(warehouse.ask, "trickle", {"rows": 3})
    second = await source.change_token([TABLE])
    assert first != second
    assert second == await source.change_token([TABLE])


async def test_the_users_model_has_its_19_columns(source: SnowflakeSource) -> None:
    """Names in order, each with a type we have a form for."""
    columns = await source.describe(MODEL)

    assert len(columns) == 19
    types = {column.name: column.type for column in columns}
    assert ColumnType.TEXT == types[KEY]
    assert ColumnType.TIMESTAMP_TZ == types[WATERMARK]
    assert ColumnType.JSON == types["NAMESPACES_ARRAY"]
    assert ColumnType.BOOLEAN == types["IS_PQL"]
    assert ColumnType.TIMESTAMP_NTZ == types["GITLAB_DOTCOM_CREATED_DATE"]
    assert Column("GITLAB_DOTCOM_USER_ID", ColumnType.DECIMAL, 38, 0) in columns


async def test_pages_cover_the_model_exactly(source: SnowflakeSource, cursor: Any) -> None:
    """Keyset windows of 300 rows: each row once, in order, though many share a watermark."""
    columns = await source.describe(MODEL)
    expected = sorted(
        (str(row[1]), row[0])
        for row in cursor.execute(f"SELECT {KEY}, {WATERMARK} FROM ({MODEL.sql})").fetchall()
    )
    found: list[str] = []
    watermarks: list[int] = []
    after: Position | None = None
    while rows := await _rows(source, Window(MODEL, columns, after, None, 300)):
        found += [str(row[0]) for row, _ in rows]
        watermarks += [ns for _, ns in rows]
        after = Position(to_text(rows[-1][1]), str(rows[-1][0][0]))
        assert len(rows) <= 300

    assert len(found) == len(set(found))
    assert {key for _, key in expected} == set(found)
    assert sorted(watermarks) == watermarks
    assert len(found) > 300


async def test_a_watermark_is_a_whole_number_of_nanoseconds(source: SnowflakeSource) -> None:
    """Never a datetime: no digit is lost between two polls. The row itself has microseconds."""
    columns = await source.describe(MODEL)
    rows = await _rows(source, Window(MODEL, columns, None, None, 5))

    for row, ns in rows:
        assert len(row) == len(columns)
        assert row[-1] == ns // 1_000
        assert len(to_text(ns).partition(".")[2]) == 9


async def _read(source: SnowflakeSource, window: Window) -> list[Page]:
    return [page async for page in source.read(window)]


async def _rows(source: SnowflakeSource, window: Window) -> list[tuple[tuple[object, ...], int]]:
    pages = await _read(source, window)
    found: list[tuple[tuple[object, ...], int]] = []
    for page in pages:
        found += list(zip(page.rows, page.watermarks, strict=True))
    return found
