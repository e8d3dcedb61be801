"""What every Source reads, whatever it reads from: one suite, over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.ports import Source
from connectors.records import ColumnType, Model, Page, Position, Survey, Window
from tests.contract.source_desks import Desk, Table
from worker.rules.watermark import to_ns, to_text

DAY = "2026-02-03"
MOMENT = datetime(2026, 2, 3, 4, 5, 6, 123456)  # noqa: DTZ001  # a wall clock has no zone
# Kind, how it is written, what it is called, what is read of it.
VALUES: Sequence[tuple[str, str, ColumnType, object]] = (
    ("text", 'Zoë\'s \\ "x"', ColumnType.TEXT, 'Zoë\'s \\ "x"'),
    ("whole", "-7", ColumnType.DECIMAL, -7),
    ("money", "1.25", ColumnType.DECIMAL, Decimal("1.25")),
    ("float", "0.1", ColumnType.FLOAT, 0.1),
    ("boolean", "true", ColumnType.BOOLEAN, True),
    ("date", DAY, ColumnType.DATE, date(2026, 2, 3)),
    ("time", "04:05:06.123456", ColumnType.TIME, time(4, 5, 6, 123456)),
    ("ntz", f"{DAY} 04:05:06.123456", ColumnType.TIMESTAMP_NTZ, MOMENT),
    ("tz", f"{DAY} 05:05:06.123456+01:00", ColumnType.TIMESTAMP_TZ, MOMENT.replace(tzinfo=UTC)),
    ("json", '{"x":[1.5,null]}', ColumnType.JSON, '{"x":[1.5,null]}'),
    ("binary", "00ff41", ColumnType.BINARY, b"\x00\xffA"),
)
# Rows with four moments, each of several keys; the order of keys is that of their bytes.
KEYS = ("B", "Z", "a", "b", "é", "日")
TIMES = tuple(f"{DAY} 00:00:0{second}.000001000" for second in range(4))
NOON_NS = 1_770_120_000_000_000_000  # 2026-02-03 12:00 UTC


@pytest.fixture
def people(desk: Desk) -> Table:
    """Every key at every moment, put in without any order."""
    rows = [(f"{key}{i}", moment) for i, moment in enumerate(TIMES) for key in KEYS]
    return desk.table({"K": "text", "Z": "tz"}, *sorted(rows, key=hash))


async def test_the_clock_is_the_sources_in_nanoseconds(source: Source) -> None:
    """It goes on, and stands for a moment in our time."""
    first = await source.clock_ns()
    second = await source.clock_ns()

    assert 1_700_000_000 * 10**9 < first <= second


@pytest.mark.parametrize(("kind", "written", "name", "read"), VALUES, ids=[v[0] for v in VALUES])
async def test_every_type_has_a_form(
    desk: Desk, source: Source, kind: str, written: str, name: ColumnType, read: object
) -> None:
    """Described by one of our names, read as one of Python's values; NULL is None in each."""
    rows = [("a", f"{DAY} 00:00:00", written), ("b", f"{DAY} 00:00:01", None)]
    table = desk.table({"K": "text", "Z": "tz", "V": kind}, *rows)
    columns = await source.describe(table.model())

    [page] = await pages(source, window(table.model(), columns))

    assert [("K", ColumnType.TEXT), ("Z", ColumnType.TIMESTAMP_TZ), ("V", name)] == [
        (column.name, column.type) for column in columns
    ]
    value, nothing = (row[2] for row in page.rows)
    if name is ColumnType.JSON:
        value = "".join(str(value).split())
    if isinstance(read, datetime) and isinstance(value, int):  # the other form of a time
        value = datetime(1970, 1, 1, tzinfo=read.tzinfo) + timedelta(microseconds=value)
    assert (read, None) == (value, nothing)
    assert isinstance(value, bytes) == isinstance(read, bytes)


async def test_decimals_are_described_with_their_places(desk: Desk, source: Source) -> None:
    """Both are part of the schema that rows are written with."""
    table = desk.table({"K": "text", "Z": "tz", "V": "money"})
    [_, _, money] = await source.describe(table.model())

    assert (10, 2) == (money.precision, money.scale)


async def test_windows_cover_the_model_exactly(source: Source, people: Table) -> None:
    """Each row once and in order, though six share a watermark and windows end among them."""
    columns = await source.describe(people.model())
    found: list[tuple[int, str]] = []
    after: Position | None = None
    while rows := await read(source, window(people.model(), columns, after, limit=4)):
        assert len(rows) <= 4
        found += [(number, str(row[0])) for row, number in rows]
        after = Position(to_text(found[-1][0]), found[-1][1])

    expected = [(to_ns(moment), f"{key}{i}") for i, moment in enumerate(TIMES) for key in KEYS]
    assert expected == found


async def test_numeric_keys_are_ordered_as_numbers(desk: Desk, source: Source) -> None:
    """9 comes before 10."""
    rows = [(str(key), TIMES[0]) for key in (10, 9, -1, 100)]
    table = desk.table({"K": "whole", "Z": "tz"}, *rows)
    columns = await source.describe(table.model())
    after = Position(to_text(to_ns(TIMES[0])), "9")

    assert [-1, 9, 10, 100] == await keys(source, window(table.model(), columns))
    assert [10, 100] == await keys(source, window(table.model(), columns, after))


async def test_bounds_are_half_open(source: Source, people: Table) -> None:
    """`before` is excluded; `after` is included, until a key says how far its moment was read."""
    model = people.model()
    columns = await source.describe(model)
    second = to_text(to_ns(TIMES[1]))

    older = await keys(source, window(model, columns, None, second))
    newer = await keys(source, window(model, columns, Position(second)))
    rest = await keys(source, window(model, columns, Position(second, "b1")))

    assert [f"{key}0" for key in KEYS] == older
    assert 18 == len(newer)
    assert newer[4:] == rest


async def test_values_are_bound_not_pasted(source: Source, people: Table) -> None:
    """A key may hold anything; this one sorts before all others."""
    columns = await source.describe(people.model())
    strange = Position(to_text(to_ns(TIMES[0])), "!'; DROP TABLE x --")

    assert 24 == len(await keys(source, window(people.model(), columns, strange)))


@pytest.mark.parametrize(
    ("nanoseconds", "key", "expected"),
    [
        *[(999, None, 4), (1_000, None, 4), (1_001, None, 3), (1_999, None, 3), (2_000, None, 3)],
        *[(999, "x", 4), (1_000, "a", 3), (1_000, "A", 4), (1_001, "A", 3), (1_999, "A", 3)],
    ],
)
async def test_a_start_between_two_moments_is_exact(
    desk: Desk, source: Source, nanoseconds: int, key: str | None, expected: int
) -> None:
    """Rounded down it would be read for ever, rounded up with its key a row would be skipped."""
    rows = [("a", f"{DAY} 12:00:00.00000{i}") for i in (1, 2, 3, 4)]
    table = desk.table({"K": "text", "Z": "tz"}, *rows)
    columns = await source.describe(table.model())
    after = Position(to_text(NOON_NS + nanoseconds), key)

    found = await read(source, window(table.model(), columns, after))

    assert [NOON_NS + 1_000 * i for i in (1, 2, 3, 4)][-expected:] == [ns for _, ns in found]


@pytest.mark.parametrize(("nanoseconds", "expected"), [(1_000, 0), (1_001, 1), (2_000, 1)])
async def test_an_end_between_two_moments_is_exact(
    desk: Desk, source: Source, nanoseconds: int, expected: int
) -> None:
    """What lies before it is read, to the nanosecond."""
    rows = [("a", f"{DAY} 12:00:00.00000{i}") for i in (1, 2)]
    table = desk.table({"K": "text", "Z": "tz"}, *rows)
    columns = await source.describe(table.model())
    end = to_text(NOON_NS + nanoseconds)

    assert expected == len(await read(source, window(table.model(), columns, None, end)))


@pytest.mark.parametrize(
    ("kind", "values", "numbers", "middle"),
    [
        ("date", ("1969-12-31", "2026-02-03", "2026-02-04"), (-1, 20_487, 20_488), "2026-02-03"),
        ("whole", ("-5", "9", "10"), (-5, 9, 10), "9"),
        ("ntz", ("1969-12-31 23:59:59.999999", f"{DAY} 12:00:00", f"{DAY} 12:00:01"),
         (-1_000, NOON_NS, NOON_NS + 10**9), f"{DAY} 12:00:00.000000000"),
    ],
)  # fmt: skip
async def test_other_watermarks(
    desk: Desk,
    source: Source,
    kind: str,
    values: Sequence[str],
    numbers: Sequence[int],
    middle: str,
) -> None:
    """Dates travel as days, integers as themselves, wall clocks as if they were UTC."""
    table = desk.table({"K": "text", "Z": kind}, *[(f"k{i}", v) for i, v in enumerate(values)])
    model = table.model(watermark_zone="UTC")
    columns = await source.describe(model)

    assert list(numbers) == [n for _, n in await read(source, window(model, columns))]
    assert ["k0"] == await keys(source, window(model, columns, None, middle))
    assert ["k1", "k2"] == await keys(source, window(model, columns, Position(middle)))
    assert ["k2"] == await keys(source, window(model, columns, Position(middle, "k1")))


async def test_a_snapshot_is_ordered_by_its_keys(source: Source, people: Table) -> None:
    """Read whole in parts: no watermark orders it, and pages carry none."""
    model = people.model(watermark=None)
    columns = await source.describe(model)
    found: list[object] = []
    after: Position | None = None
    while parts := await pages(source, window(model, columns, after, limit=7)):
        assert all([] == list(page.watermarks) for page in parts)
        found += [row[0] for page in parts for row in page.rows]
        after = Position("", str(found[-1]))

    assert [f"{key}{i}" for key in KEYS for i in range(4)] == found


async def test_a_survey_counts_what_no_window_returns(desk: Desk, source: Source) -> None:
    """Rows of the window, whatever its limit; of the whole model: no key, no watermark, twice."""
    table = desk.table(
        {"K": "text", "Z": "tz"},
        *[(None, TIMES[0]), (None, None), ("a", None), ("a", TIMES[0])],
        *[("a", TIMES[1]), ("b", TIMES[1]), ("c", TIMES[2])],
    )
    columns = await source.describe(table.model())
    bounded = window(table.model(), columns, Position(to_text(to_ns(TIMES[1]))), limit=1)
    snapshot = window(table.model(watermark=None), columns)

    assert Survey(3, 2, 2, 2) == await source.survey(bounded)
    ended = replace(bounded, before=to_text(to_ns(TIMES[1])), after=None)
    assert Survey(1, 2, 2, 2, later=3) == await source.survey(ended)
    assert Survey(5, 2, 0, 2) == await source.survey(snapshot)
    rows = await read(source, window(table.model(), columns))
    assert ["a", "a", "b", "c"] == [row[0] for row, _ in rows]


async def test_an_empty_model_has_columns_and_no_pages(source: Source, people: Table) -> None:
    """Nothing to read is no failure; the SQL may end in a comment."""
    model = people.model(sql=f"SELECT * FROM {people.name} WHERE 1 = 0 -- nobody;")
    columns = await source.describe(model)

    assert 2 == len(columns)
    assert [] == await pages(source, window(model, columns))
    assert Survey(0) == await source.survey(window(model, columns))


async def test_rows_come_in_pages(
    desk: Desk, source: Source, people: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds a page, whatever the result's size."""
    monkeypatch.setattr(f"{desk.module}.PAGE_ROWS", 5)
    columns = await source.describe(people.model())
    found = await pages(source, window(people.model(), columns, limit=18))

    assert [5, 5, 5, 3] == [len(page.rows) for page in found]
    assert all(len(page.rows) == len(page.watermarks) for page in found)


def window(
    model: Model,
    columns: Sequence[Any],
    after: Position | None = None,
    before: str | None = None,
    limit: int = 1_000,
) -> Window:
    return Window(model, tuple(columns), after, before, limit)


async def pages(source: Source, wanted: Window) -> list[Page]:
    return [page async for page in source.read(wanted)]


async def read(source: Source, wanted: Window) -> list[tuple[tuple[object, ...], int]]:
    found: list[tuple[tuple[object, ...], int]] = []
    for page in await pages(source, wanted):
        found += list(zip(page.rows, page.watermarks, strict=True))
    return found


async def keys(source: Source, wanted: Window) -> list[object]:
    return [row[0] for page in await pages(source, wanted) for row in page.rows]
