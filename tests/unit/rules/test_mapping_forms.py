"""The short way from a record's bytes and the long one over Python's own values say the same."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.records import Column, ColumnType
from tests.unit.rules.physical import physical_row
from worker.rules.mapping.logical import logical
from worker.rules.mapping.values import converter

FIRST, LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001  # wall clock


def both(column: Column, value: object) -> tuple[object, object]:
    """Return the value as Python has it again, and as Iterable takes it."""
    held = physical_row({"C": value}, [column])["C"]
    convert = converter(column)
    return logical(column)(held), held if convert is None else convert(held)


@given(st.datetimes(FIRST, LAST))
@example(FIRST)
@example(LAST)
@example(dt.datetime(1969, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001  # wall clock
def test_a_wall_clock_is_itself_and_its_text(value: dt.datetime) -> None:
    """From year 1 to 9999, also before 1970; fractions are cut, never rounded up."""
    expected = f"{value.replace(microsecond=0).isoformat(' ')} +00:00"

    assert (value, expected) == both(Column("C", ColumnType.TIMESTAMP_NTZ), value)


@given(st.datetimes(FIRST, LAST, timezones=st.just(dt.UTC)))
def test_a_moment_is_itself_and_its_text(value: dt.datetime) -> None:
    """The same, in UTC."""
    expected = f"{value.replace(microsecond=0, tzinfo=None).isoformat(' ')} +00:00"

    assert (value, expected) == both(Column("C", ColumnType.TIMESTAMP_TZ), value)


@given(st.dates())
@example(dt.date.min)
@example(dt.date.max)
def test_a_day_is_itself_and_its_text(value: dt.date) -> None:
    """Every day Python knows."""
    assert (value, value.isoformat()) == both(Column("C", ColumnType.DATE), value)


@given(st.times())
def test_a_time_is_itself_and_its_text(value: dt.time) -> None:
    """Without fractions."""
    assert (value, value.isoformat("seconds")) == both(Column("C", ColumnType.TIME), value)


@given(st.integers(1 - 2**63, 2**63 - 1))
def test_a_whole_number_is_itself(value: int) -> None:
    """As far as a long goes, negative ones too."""
    assert (value, value) == both(Column("C", ColumnType.DECIMAL, 38), value)


@given(st.integers(1 - 10**38, 10**38 - 1), st.integers(1, 37))
@example(-1, 2)
@example(10**38 - 1, 37)
def test_a_fraction_is_the_nearest_double(digits: int, scale: int) -> None:
    """The same double that Python makes of the exact number, to the last bit."""
    value = Decimal(digits).scaleb(-scale)

    assert (value, float(value)) == both(Column("C", ColumnType.DECIMAL, 38, scale), value)
