"""A row becomes fields that Iterable takes as they are, or is set aside with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import orjson
import pytest

from connectors.avro import avro_name
from connectors.records import Column, ColumnType, MappedRow
from tests.unit.rules.physical import COLUMNS, map_row
from worker.rules.mapping import (
    Constant,
    FieldSource,
    FromColumn,
    MappingPolicy,
    MissingColumnError,
    UnmappableError,
    compile_mapping,
    iterable_date,
)

WALL_CLOCK = dt.datetime(2026, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001  # NTZ has no zone
MOSCOW = dt.timezone(dt.timedelta(hours=3))


def fields_of(
    row: Mapping[str, object],
    fields: Mapping[str, str | FieldSource],
    nulls: Literal["clear", "keep"] = "clear",
) -> Mapping[str, object]:
    return map_row(row, MappingPolicy("ID", fields, nulls)).fields


def mapped(kind: ColumnType, value: object) -> object:
    return fields_of({kind.name: value}, {"field": kind.name})["field"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ColumnType.TEXT, "Ann", "Ann"),
        (ColumnType.BOOLEAN, True, True),
        (ColumnType.DECIMAL, Decimal("-7.50"), -7.5),
        (ColumnType.FLOAT, 0.1, 0.1),
        (ColumnType.DATE, dt.date(2026, 11, 4), "2026-11-04"),
        (ColumnType.TIME, dt.time(8, 45, 1, 999), "08:45:01"),
        (ColumnType.TIMESTAMP_NTZ, WALL_CLOCK, "2026-01-02 03:04:05 +00:00"),
        (
            ColumnType.TIMESTAMP_TZ,
            dt.datetime(2026, 1, 2, 1, 0, tzinfo=MOSCOW),
            "2026-01-01 22:00:00 +00:00",
        ),
        (ColumnType.BINARY, b"\0\xff", "AP8="),
    ],
)  # fmt: skip
def test_every_type_has_its_form(kind: ColumnType, value: object, expected: object) -> None:
    """Dates without fractions and in UTC, bytes in base 64."""
    found = mapped(kind, value)

    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("value", [0, 7, -7, 2**63 - 1, 1 - 2**63])
def test_a_number_without_decimals_is_a_long(value: int) -> None:
    """As far as Iterable's reach."""
    found = fields_of({"ID": value}, {"field": "ID"})["field"]

    assert (int, value) == (type(found), found)


def test_a_decimal_with_a_scale_stays_a_double() -> None:
    """A field's type is fixed by its first value: 7.00 today must not make 7.5 fail tomorrow."""
    assert isinstance(mapped(ColumnType.DECIMAL, Decimal("7.00")), float)


def test_json_goes_out_as_json() -> None:
    """Objects in the profile, not text; the bytes are those of the row."""
    fields = fields_of({"JSON": '[{"b": 1, "a": 2}]'}, {"namespaces": "JSON"})

    assert b'{"namespaces":[{"b": 1, "a": 2}]}' == orjson.dumps(fields)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ColumnType.FLOAT, float("nan")),
        (ColumnType.FLOAT, float("-inf")),
        (ColumnType.JSON, "[ undefined ]"),
        (ColumnType.JSON, "{"),
        (ColumnType.TIMESTAMP_NTZ, 2**62),
        (ColumnType.TIMESTAMP_TZ, -(2**62)),
    ],
)
def test_a_value_without_a_form_sets_the_row_aside(kind: ColumnType, value: object) -> None:
    """Sent, it would fail the whole call or be stored as something else."""
    with pytest.raises(UnmappableError):
        mapped(kind, value)


@pytest.mark.parametrize("value", [2**63, -(2**63), 10**37, -(10**37)])
def test_a_number_beyond_a_long_sets_the_row_aside(value: int) -> None:
    """NUMBER(38,0) holds more than Iterable does."""
    with pytest.raises(UnmappableError):
        fields_of({"ID": value}, {"field": "ID"})


def test_null_clears_or_keeps_the_field() -> None:
    """As the sync says: an explicit null removes it, nothing leaves it."""
    fields = {"name": "TEXT", "active": "BOOLEAN"}
    row = {"TEXT": None, "BOOLEAN": False}

    assert {"name": None, "active": False} == fields_of(row, fields)
    assert {"active": False} == fields_of(row, fields, "keep")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Column("U", ColumnType.DECIMAL, 38), 10**37, str(10**37)),
        (Column("U", ColumnType.DECIMAL, 38, 2), Decimal("7.00"), "7"),
        (Column("U", ColumnType.DECIMAL, 38, 2), Decimal("7.50"), "7.50"),
        (Column("U", ColumnType.TEXT), " x", " x"),
        (Column("U", ColumnType.FLOAT), 7.0, "7.0"),
    ],
)
def test_the_identity_is_text(kind: Column, value: object, expected: str) -> None:
    """7 and 7.00 are one user."""
    assert expected == map_row({"U": value}, MappingPolicy("U", {}), [kind]).identity


def test_a_row_without_an_identity_is_nobodys() -> None:
    """Whatever else it holds."""
    with pytest.raises(UnmappableError):
        fields_of({"ID": None, "TEXT": "x"}, {"a": "TEXT"})


def test_a_match_column_that_is_not_there_is_named() -> None:
    """When the mapping is compiled, before any row."""
    with pytest.raises(MissingColumnError, match="NOPE"):
        compile_mapping(MappingPolicy("NOPE", {}), COLUMNS, avro_name)


def test_a_mapped_column_that_is_not_there_is_left_out() -> None:
    """It was added after these rows were written: they leave the field as it is."""
    fields: dict[str, str | FieldSource] = {
        "a": "GONE",
        "b.c": "GONE",
        "d": FromColumn("GONE", "long"),
    }

    assert {} == fields_of({}, fields)


def test_one_column_may_fill_two_fields() -> None:
    """And columns that nobody maps go nowhere."""
    policy = MappingPolicy("ID", {"a": "TEXT", "b": "TEXT"})

    assert MappedRow("7", {"a": "x", "b": "x"}) == map_row({"TEXT": "x", "FLOAT": 1.0}, policy)


def test_a_constant_is_in_every_row() -> None:
    """Text, a number, yes or no."""
    fields = {"source": Constant("snowflake"), "rank": Constant(1), "is.known": Constant(True)}

    assert {"source": "snowflake", "rank": 1, "is": {"known": True}} == fields_of({}, fields)


def test_properties_are_the_values_themselves() -> None:
    """An event's time is a moment and not yet a text; NULL is None."""
    policy = MappingPolicy("ID", {}, properties={"at": "TIMESTAMP_TZ", "no": "TEXT", "id": "ID"})
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)

    found = map_row({"TIMESTAMP_TZ": at}, policy).properties

    assert {"at": at, "no": None, "id": Decimal(7)} == found


def test_every_column_that_is_read_is_known_beforehand() -> None:
    """The poller publishes nothing while one is missing."""
    fields: dict[str, str | FieldSource] = {
        "a": "A",
        "b": FromColumn("B", "date"),
        "c": Constant(1),
    }

    assert {"ID", "A", "B", "P"} == MappingPolicy("ID", fields, properties={"p": "P"}).columns


def test_the_years_have_four_digits() -> None:
    """Year 1 is what systems write for `never`."""
    assert "0001-01-01 00:00:00 +00:00" == iterable_date(dt.datetime(1, 1, 1, tzinfo=dt.UTC))
