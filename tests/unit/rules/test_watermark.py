"""What a watermark column means: which columns can be one, and its text sorts as its numbers do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, EpochUnit, Model, Position
from tests.unit.rules.watermarks import (
    DAY_NS,
    UNITS_NS,
    YEAR_10000_NS,
    epochs,
    kinds_with_numbers,
    moments,
)
from worker.rules.watermark import (
    NS,
    CounterWatermark,
    DateWatermark,
    EpochWatermark,
    TimestampWatermark,
    Watermark,
    moment_ns,
    to_ns,
    to_text,
    watermark_of,
)
from worker.rules.window import advance, earlier

MODEL = Model("people", "SELECT 1", "ID", "CHANGED")

# --- text and numbers ---------------------------------------------------------------------------


@given(moments)
def test_text_and_nanoseconds_are_one(ns: int) -> None:
    """From the year 1 to the year 9999, to the last digit."""
    assert ns == to_ns(to_text(ns))
    assert 29 == len(to_text(ns))


@given(moments, moments)
def test_text_is_ordered_as_time_is(one: int, other: int) -> None:
    """Timestamps are compared as text."""
    assert (one < other) == (to_text(one) < to_text(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24 08:45:00",
        "2026-11-24 08:45:00.123456",
        "2026-11-24T08:45:00.1",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """A watermark with fewer digits would re-read its last row for ever."""
    with pytest.raises(ValueError, match="NNNNNNNNN"):
        to_ns(text)


@given(kinds_with_numbers(numbers=2))
def test_positions_are_ordered_as_the_numbers_of_their_rows(
    drawn: tuple[Watermark, list[int]],
) -> None:
    """Whatever the kind: the later row's text moves the watermark, the earlier one's never does."""
    kind, (one, other) = drawn
    low, high = (Position(kind.text(number)) for number in sorted((one, other)))

    assert high == advance(low, high) == advance(high, low)
    assert low == earlier(low, high) == earlier(high, low)
    assert (one == other) == (low == high)


@given(kinds_with_numbers(numbers=1))
def test_the_text_of_a_number_holds_all_of_it(drawn: tuple[Watermark, list[int]]) -> None:
    """Nothing is rounded on the way into the ledger, whatever the kind."""
    kind, [number] = drawn
    text = kind.text(number)
    match kind:
        case TimestampWatermark():
            assert number == to_ns(text)
        case DateWatermark():
            assert number == (date.fromisoformat(text) - date(1970, 1, 1)).days
        case EpochWatermark() | CounterWatermark():
            assert str(number) == text


# --- which moment a value stands for ------------------------------------------------------------


def test_a_change_has_the_moment_its_watermark_stands_for() -> None:
    """A day that is not over ends now; a counter says nothing, so it is when the row was read."""
    clock = to_ns("2026-11-24 10:00:00.000000001")
    day = clock // DAY_NS

    assert 123 == TimestampWatermark().changed_at_ns(123, clock)
    assert (day * DAY_NS, clock) == (
        DateWatermark().changed_at_ns(day - 1, clock),
        DateWatermark().changed_at_ns(day, clock),
    )
    assert [7 * unit_ns for unit_ns in UNITS_NS] == [
        EpochWatermark(unit_ns).changed_at_ns(7, clock) for unit_ns in UNITS_NS
    ]
    assert clock == CounterWatermark().changed_at_ns(4711, clock)


@given(moments, epochs)
def test_a_read_from_a_moment_on_returns_every_row_of_it(ns: int, epoch: EpochWatermark) -> None:
    """The position before a change is never behind the change, in no kind that knows of time."""
    day = ns // DAY_NS
    for kind, number in (
        (TimestampWatermark(), ns),
        (DateWatermark(), day),
        (epoch, ns // epoch.unit_ns),
    ):
        start = kind.at(kind.changed_at_ns(number, YEAR_10000_NS - DAY_NS))
        row = Position(kind.text(number), "")
        assert start == earlier(start, row)
    assert None is CounterWatermark().at(ns)


def test_the_ledgers_text_tells_its_moment_where_it_has_one() -> None:
    """For the metric; a number alone does not say what it counts."""
    clock = to_ns("2026-11-24 00:00:00.000000000")

    assert clock == moment_ns(Position("2026-11-24 00:00:00.000000000", "k"))
    assert clock == moment_ns(Position("2026-11-24", "k"))
    assert [None] * 3 == [moment_ns(p) for p in (None, Position("4711"), Position("", "k"))]


# --- which columns can be one -------------------------------------------------------------------


def kind_of(column: Column, model: Model = MODEL) -> Watermark | None:
    return watermark_of(model, (Column("ID", ColumnType.TEXT), column))


def test_in_los_angeles_a_later_change_can_carry_the_smaller_time() -> None:
    """1 November 2026, one second before and at the end of summer time: the wall clock falls."""
    zone = ZoneInfo("America/Los_Angeles")
    before = datetime(2026, 11, 1, 8, 59, 59, tzinfo=UTC)
    after = before + timedelta(seconds=1)
    walls = [moment.astimezone(zone).replace(tzinfo=None) for moment in (before, after)]
    assert ["2026-11-01 01:59:59", "2026-11-01 01:00:00"] == [str(wall) for wall in walls]

    with pytest.raises(ConfigurationError, match="say `watermark_zone: UTC`") as raised:
        kind_of(Column("CHANGED", ColumnType.TIMESTAMP_NTZ))
    assert "watermark_zone" == raised.value.kind


@pytest.mark.parametrize(
    ("column", "unit", "kind"),
    [
        (Column("CHANGED", ColumnType.TIMESTAMP_TZ), None, TimestampWatermark()),
        (Column("CHANGED", ColumnType.DATE), None, DateWatermark()),
        (Column("CHANGED", ColumnType.DECIMAL, 38, 0), None, CounterWatermark()),
        (Column("CHANGED", ColumnType.DECIMAL, 38, 0), "s", EpochWatermark(NS)),
        (Column("CHANGED", ColumnType.DECIMAL, 38, 0), "ms", EpochWatermark(1_000_000)),
        (Column("CHANGED", ColumnType.DECIMAL, 38, 0), "us", EpochWatermark(1_000)),
        (Column("CHANGED", ColumnType.DECIMAL, 38, 0), "ns", EpochWatermark(1)),
    ],
)
def test_the_columns_type_says_what_the_watermark_means(
    column: Column, unit: EpochUnit | None, kind: Watermark
) -> None:
    """A whole number is a counter until the model says which unit of time it counts."""
    assert kind == kind_of(column, replace(MODEL, watermark_unit=unit))


def test_a_wall_clock_that_is_said_to_be_utc_is_taken_at_its_word() -> None:
    """UTC has no summer time, so it never goes back."""
    said = replace(MODEL, watermark_zone="UTC")

    assert TimestampWatermark() == kind_of(Column("CHANGED", ColumnType.TIMESTAMP_NTZ), said)


@pytest.mark.parametrize(
    "column",
    [
        Column("CHANGED", ColumnType.TEXT),
        Column("CHANGED", ColumnType.DECIMAL, 38, 2),
        Column("CHANGED", ColumnType.FLOAT),
        Column("CHANGED", ColumnType.BOOLEAN),
        Column("CHANGED", ColumnType.TIME),
    ],
)
def test_another_column_is_refused_by_name_and_type(column: Column) -> None:
    """A number with decimals, too: 1.5 and 1.50 are one value and two texts."""
    with pytest.raises(ConfigurationError, match=rf"CHANGED must be .*, it is {column.type}"):
        kind_of(column)


def test_a_model_without_a_watermark_has_none() -> None:
    """It is read whole; so is asked of a column that the query does not return."""
    assert None is kind_of(Column("CHANGED", ColumnType.DATE), replace(MODEL, watermark=None))
    assert None is kind_of(Column("OTHER", ColumnType.DATE))
