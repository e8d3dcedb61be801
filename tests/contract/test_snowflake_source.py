"""SnowflakeSource on the warehouse stand-in, through the real connector: what it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, Model, Page, Position, Window
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.stand_ins import StandIn
from tests.warehouse_login import KEY, MODEL, TABLE, WATERMARK, contacts, log_in, options
from worker.rules.window import to_text

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


async def test_the_token_of_several_objects_moves_with_each(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """A model over two tables is asked for as one text."""
    other = _name(topic_prefix)
    cursor.execute(f"CREATE TABLE {other} (ID VARCHAR)")
    first = await source.change_token([TABLE, other])
    cursor.execute(f"INSERT INTO {other} VALUES ('a')")

    assert first != await source.change_token([TABLE, other])


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


async def test_every_type_has_a_form(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """Described as declared, and read as Python's own values; NULL is None in each."""
    table = _name(topic_prefix)
    cursor.execute(
        f"CREATE TABLE {table} (K VARCHAR, N NUMBER(10, 2), F FLOAT, B BOOLEAN, D DATE, "
        "T TIMESTAMP_NTZ(9), Z TIMESTAMP_TZ(9), V VARIANT)"
    )
    cursor.execute(
        f"INSERT INTO {table} SELECT 'a', 1.25, 0.5, TRUE, '2026-02-03', "
        "'2026-02-03 04:05:06.123456', '2026-02-03 04:05:06.123456+00:00', PARSE_JSON('{\"x\":1}')"
    )
    cursor.execute(f"INSERT INTO {table} (K, Z) SELECT 'b', '2026-02-03 04:05:07+00:00'")
    model = _model(table, watermark="Z")

    columns = await source.describe(model)
    [page] = await _read(source, Window(model, columns, None, None, 10))

    assert [ColumnType(t) for t in ("text", "decimal", "float", "boolean", "date")] == [
        column.type for column in columns[:5]
    ]
    assert (columns[1].precision, columns[1].scale) == (10, 2)
    moment = datetime(2026, 2, 3, 4, 5, 6, 123456)  # noqa: DTZ001  # a TIMESTAMP_NTZ has no zone
    full, empty = page.rows
    assert full[:6] == ("a", Decimal("1.25"), 0.5, True, moment.date(), moment)
    assert full[6] == moment.replace(tzinfo=UTC)
    assert str(full[7]).replace("\n", "").replace(" ", "") == '{"x":1}'
    assert (None,) * 5 == empty[1:6]
    assert empty[7] is None


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
    """Never a datetime: no digit is lost between two polls."""
    columns = await source.describe(MODEL)
    rows = await _rows(source, Window(MODEL, columns, None, None, 5))

    for row, ns in rows:
        assert len(row) == len(columns)
        moment, _, fraction = to_text(ns).partition(".")
        assert len(fraction) == 9
        assert datetime.fromisoformat(moment) == _utc(row[-1]).replace(microsecond=0, tzinfo=None)


async def test_a_window_ends_before_its_bound(source: SnowflakeSource, warehouse: StandIn) -> None:
    """`before` is excluded, `after` without a key included, and values are bound, not pasted."""
    await asyncio.to_thread(warehouse.ask, "trickle", {"rows": 50})
    columns = await source.describe(MODEL)
    rows = await _rows(source, Window(MODEL, columns, None, None, 100_000))
    texts = sorted({to_text(ns) for _, ns in rows})
    middle = texts[len(texts) // 2]
    assert len(texts) > 1

    older = await _rows(source, Window(MODEL, columns, None, middle, 100_000))
    newer = await _rows(source, Window(MODEL, columns, Position(middle), None, 100_000))

    assert len(rows) == len(older) + len(newer)
    assert {to_text(ns) for _, ns in older} == {text for text in texts if text < middle}
    strange = Position(middle, "!'; DROP TABLE x --")  # sorts before every key
    assert await _rows(source, Window(MODEL, columns, strange, None, 10))


async def test_rows_come_in_pages(source: SnowflakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds a page, whatever the result's size."""
    monkeypatch.setattr("connectors.snowflake.source.PAGE_ROWS", 50)
    columns = await source.describe(MODEL)
    pages = await _read(source, Window(MODEL, columns, None, None, 175))

    assert [50, 50, 50, 25] == [len(page.rows) for page in pages]
    assert all(len(page.rows) == len(page.watermarks) for page in pages)


async def test_a_reader_that_stops_early_leaves_the_session_usable(
    source: SnowflakeSource,
) -> None:
    """The worker stops in the middle of a window; the next statement runs."""
    columns = await source.describe(MODEL)
    async for page in source.read(Window(MODEL, columns, None, None, 1_000)):
        assert page.rows
        break

    assert await source.missing_values(MODEL) == (0, 0)


async def test_an_empty_model_has_columns_and_no_pages(source: SnowflakeSource) -> None:
    """Nothing to read is no failure."""
    model = replace(MODEL, sql=f"{MODEL.sql} AND 1 = 0 -- nobody;")
    columns = await source.describe(model)

    assert len(columns) == 19
    assert await _read(source, Window(model, columns, None, None, 10)) == []
    assert await source.missing_values(model) == (0, 0)


async def test_rows_without_key_or_watermark_are_counted(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """No window would ever return them, so they must be seen before."""
    table = _name(topic_prefix)
    cursor.execute(f"CREATE TABLE {table} (K VARCHAR, Z TIMESTAMP_TZ(9))")
    cursor.execute(
        f"INSERT INTO {table} SELECT * FROM (VALUES "
        "(NULL, '2026-01-01'::TIMESTAMP_TZ), (NULL, NULL), ('a', NULL), "
        "('b', '2026-01-01'::TIMESTAMP_TZ), (NULL, '2026-01-01'::TIMESTAMP_TZ))"
    )

    assert await source.missing_values(_model(table, watermark="Z")) == (3, 2)


async def test_a_wall_clock_watermark_needs_its_zone(
    source: SnowflakeSource, cursor: Any, topic_prefix: str
) -> None:
    """TIMESTAMP_NTZ is read once the configuration says UTC, refused until then."""
    table = _name(topic_prefix)
    cursor.execute(f"CREATE TABLE {table} (K VARCHAR, T TIMESTAMP_NTZ(9))")
    cursor.execute(f"INSERT INTO {table} SELECT 'a', '2026-01-02 03:04:05.000006'::TIMESTAMP_NTZ")
    bare = _model(table, watermark="T")
    with pytest.raises(ConfigurationError, match="watermark_zone: UTC"):
        await source.describe(bare)

    said = replace(bare, watermark_zone="UTC")
    columns = await source.describe(said)
    [page] = await _read(source, Window(said, columns, Position("2026-01-02 00:00:00"), None, 10))
    assert ["2026-01-02 03:04:05.000006000"] == [to_text(ns) for ns in page.watermarks]


def _name(prefix: str) -> str:
    return f"PREP.SENSITIVE.{prefix.strip('-').upper()}"


def _model(table: str, watermark: str) -> Model:
    return contacts(f"SELECT * FROM {table}", primary_key="K", watermark=watermark)


async def _read(source: SnowflakeSource, window: Window) -> list[Page]:
    return [page async for page in source.read(window)]


async def _rows(source: SnowflakeSource, window: Window) -> list[tuple[tuple[object, ...], int]]:
    pages = await _read(source, window)
    found: list[tuple[tuple[object, ...], int]] = []
    for page in pages:
        found += list(zip(page.rows, page.watermarks, strict=True))
    return found


def _utc(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value.astimezone(UTC)
