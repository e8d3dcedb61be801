"""A pinned value has the form of its type, or the row is set aside."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Column, ColumnType
from tests.unit.rules.physical import map_row
from worker.rules.mapping import FromColumn, MappingPolicy, UnmappableError
from worker.rules.mapping.sources import Pin

T = ColumnType
NOON = dt.datetime(2026, 11, 4, 12, 30, 1, 999_999, tzinfo=dt.UTC)


def pinned(kind: ColumnType, value: object, pin: Pin, scale: int = 0) -> object:
    columns = [Column("ID", T.DECIMAL, 38), Column("C", kind, 38, scale)]
    policy = MappingPolicy("ID", {"f": FromColumn("C", pin)})
    return map_row({"C": value}, policy, columns).fields["f"]


@pytest.mark.parametrize(
    ("kind", "value", "pin", "expected"),
    [
        (T.TEXT, "123", "long", 123),
        (T.TEXT, "-5", "long", -5),
        (T.DECIMAL, 5, "string", "5"),
        (T.DECIMAL, 10**37, "string", str(10**37)),
        (T.DECIMAL, 5, "double", 5.0),
        (T.DECIMAL, 1, "boolean", True),
        (T.FLOAT, 5.0, "long", 5),
        (T.FLOAT, 1.5, "string", "1.5"),
        (T.TEXT, "1.5e3", "double", 1500.0),
        (T.TEXT, "Yes", "boolean", True),
        (T.TEXT, "false", "boolean", False),
        (T.BOOLEAN, True, "string", "true"),
        (T.BINARY, b"\0\xff", "string", "AP8="),
        (T.TIME, dt.time(8, 45, 1, 9), "string", "08:45:01"),
        (T.DATE, dt.date(2026, 11, 4), "string", "2026-11-04"),
        (T.DATE, dt.date(2026, 11, 4), "date", "2026-11-04 00:00:00 +00:00"),
        (T.TIMESTAMP_TZ, NOON, "date", "2026-11-04 12:30:01 +00:00"),
        (T.TIMESTAMP_TZ, NOON, "string", "2026-11-04 12:30:01 +00:00"),
        (T.TEXT, "2026-11-04", "date", "2026-11-04 00:00:00 +00:00"),
        (T.TEXT, "20261104", "date", "2026-11-04 00:00:00 +00:00"),
        (T.TEXT, "2026-11-04T12:30:00.5+02:00", "date", "2026-11-04 10:30:00 +00:00"),
        (T.TEXT, "1793795401", "date", "2026-11-04 12:30:01 +00:00"),
        (T.DECIMAL, 1_793_795_401, "date", "2026-11-04 12:30:01 +00:00"),
        (T.DECIMAL, 1_793_795_401_999, "date", "2026-11-04 12:30:01 +00:00"),
        (T.DECIMAL, 1_793_795_401_999_999, "date", "2026-11-04 12:30:01 +00:00"),
        (T.DECIMAL, 1_793_795_401_999_999_999, "date", "2026-11-04 12:30:01 +00:00"),
        (T.DECIMAL, -100_000_000, "date", "1966-10-31 14:13:20 +00:00"),
        (T.FLOAT, 1_793_795_401.5, "date", "2026-11-04 12:30:01 +00:00"),
        (T.JSON, "5", "long", 5),
        (T.JSON, '"5"', "long", 5),
        (T.JSON, '"x"', "string", "x"),
        (T.JSON, '{"a": 1.10}', "string", '{"a": 1.10}'),
        (T.JSON, "true", "boolean", True),
        (T.JSON, "true", "string", "true"),
    ],
)
def test_a_value_takes_the_pinned_form(
    kind: ColumnType, value: object, pin: Pin, expected: object
) -> None:
    """What says a number is one, what is an epoch is a date."""
    found = pinned(kind, value, pin)

    assert (type(expected), expected) == (type(found), found)


def test_decimals_keep_their_digits_as_text() -> None:
    """As the column writes them."""
    assert "12.50" == pinned(T.DECIMAL, Decimal("12.5"), "string", 2)
    assert "0.00" == pinned(T.DECIMAL, Decimal(0), "string", 2)
    assert 12 == pinned(T.DECIMAL, Decimal("12.00"), "long", 2)


@pytest.mark.parametrize(
    ("kind", "value", "pin"),
    [
        (T.TEXT, "x", "long"),
        (T.TEXT, "1.0", "long"),
        (T.TEXT, "", "long"),
        (T.TEXT, "٣", "long"),
        (T.TEXT, "1_000", "long"),
        (T.TEXT, str(2**63), "long"),
        (T.TEXT, "nan", "double"),
        (T.TEXT, "1e999", "double"),
        (T.TEXT, "maybe", "boolean"),
        (T.TEXT, "soon", "date"),
        (T.TEXT, "99999999", "date"),
        (T.TEXT, "0001-01-01T00:00:00+10:00", "date"),
        (T.FLOAT, 1.5, "long"),
        (T.FLOAT, float("inf"), "long"),
        (T.FLOAT, float("nan"), "date"),
        (T.FLOAT, float("nan"), "boolean"),
        (T.FLOAT, float("nan"), "string"),
        (T.DECIMAL, 2**63, "long"),
        (T.DECIMAL, 2, "boolean"),
        (T.DECIMAL, 10**20, "date"),
        (T.DECIMAL, 20_261_104, "date"),
        (T.DECIMAL, 99_999_999, "date"),
        (T.FLOAT, 0.5, "date"),
        (T.TEXT, "2026", "date"),
        (T.TEXT, "202611", "date"),
        (T.BOOLEAN, True, "long"),
        (T.BOOLEAN, True, "double"),
        (T.BOOLEAN, True, "date"),
        (T.TIMESTAMP_TZ, NOON, "long"),
        (T.TIMESTAMP_TZ, NOON, "boolean"),
        (T.JSON, "[1]", "long"),
        (T.JSON, "{", "string"),
    ],
)
def test_what_says_nothing_of_that_type_sets_the_row_aside(
    kind: ColumnType, value: object, pin: Pin
) -> None:
    """Half a guess would fix a field's type for ever."""
    with pytest.raises(UnmappableError) as raised:
        pinned(kind, value, pin)
    assert str(value) not in str(raised.value) or value in ("", "x")


def test_null_is_null_whatever_is_pinned() -> None:
    """The policy for NULL says what becomes of it."""
    assert pinned(T.TEXT, None, "long") is None
    assert pinned(T.JSON, "null", "long") is None
    assert pinned(T.JSON, "null", "string") is None


@given(st.text(max_size=30), st.sampled_from(["long", "double", "boolean", "date", "string"]))
def test_no_text_does_worse_than_set_its_row_aside(text: str, pin: Pin) -> None:
    """Whatever it says."""
    with contextlib.suppress(UnmappableError):
        assert pinned(T.TEXT, text, pin) is not None
