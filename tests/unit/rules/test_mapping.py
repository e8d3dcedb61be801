"""A row becomes fields that Iterable takes as they are, or is set aside with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import orjson
import pytest

from connectors.records import Column, ColumnType, MappedRow
from worker.rules.mapping import (
    MappingPolicy,
    MissingColumnError,
    UnmappableError,
    compile_mapping,
    iterable_date,
)

COLUMNS = [Column("ID", ColumnType.DECIMAL), *(Column(t.name, t) for t in ColumnType)]
WALL_CLOCK = dt.datetime(2026, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001  # NTZ has no zone
MOSCOW = dt.timezone(dt.timedelta(hours=3))


def map_row(
    row: Mapping[str, object],
    fields: Mapping[str, str],
    nulls: Literal["clear", "keep"] = "clear",
) -> MappedRow:
    policy = MappingPolicy("ID", fields, nulls)
    return compile_mapping(policy, COLUMNS, str.lower)({"id": Decimal(7), **row})


def mapped(kind: ColumnType, value: object) -> object:
    return map_row({kind.name.lower(): value}, {"field": kind.name}).fields["field"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ColumnType.TEXT, "Ann", "Ann"),
        (ColumnType.BOOLEAN, True, True),
        (ColumnType.DECIMAL, Decimal(7), 7),
        (ColumnType.DECIMAL, Decimal("1E+3"), 1_000),
        (ColumnType.DECIMAL, Decimal("7.50"), 7.5),
        (ColumnType.DECIMAL, 2**63 - 1, 2**63 - 1),
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
    """Whole numbers as longs, dates without fractions and in UTC, bytes in base 64."""
    found = mapped(kind, value)

    assert (type(expected), expected) == (type(found), found)


def test_a_decimal_with_a_scale_stays_a_double() -> None:
    """A field's type is fixed by its first value: 7.00 today must not make 7.5 fail tomorrow."""
    assert isinstance(mapped(ColumnType.DECIMAL, Decimal("7.00")), float)


def test_json_goes_out_as_json() -> None:
    """Objects in the profile, not text; the bytes are those of the row."""
    fields = map_row({"json": '[{"b": 1, "a": 2}]'}, {"namespaces": "JSON"}).fields

    assert b'{"namespaces":[{"b": 1, "a": 2}]}' == orjson.dumps(fields)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ColumnType.DECIMAL, 2**63),
        (ColumnType.DECIMAL, -(2**63) - 1),
        (ColumnType.FLOAT, float("nan")),
        (ColumnType.FLOAT, float("-inf")),
        (ColumnType.JSON, "[ undefined ]"),
        (ColumnType.JSON, "{"),
    ],
)
def test_a_value_without_a_form_sets_the_row_aside(kind: ColumnType, value: object) -> None:
    """Sent, it would fail the whole call or be stored as something else."""
    with pytest.raises(UnmappableError):
        mapped(kind, value)


def test_null_clears_or_keeps_the_field() -> None:
    """As the sync says: an explicit null removes it, nothing leaves it."""
    fields = {"name": "TEXT", "active": "BOOLEAN"}
    row = {"text": None, "boolean": False}

    assert {"name": None, "active": False} == map_row(row, fields).fields
    assert {"active": False} == map_row(row, fields, "keep").fields


def test_the_identity_is_text_and_must_be_there() -> None:
    """7 and 7.00 are one user; a row without one is nobody's."""
    assert "7" == map_row({}, {}).identity
    with pytest.raises(UnmappableError):
        map_row({"id": None}, {})


def test_a_match_column_that_is_not_there_is_named() -> None:
    """When the mapping is compiled, before any row."""
    with pytest.raises(MissingColumnError, match="NOPE"):
        compile_mapping(MappingPolicy("NOPE", {}), COLUMNS, str.lower)


def test_a_mapped_column_that_is_not_there_is_left_out() -> None:
    """It was added after these rows were written: they leave the field as it is."""
    map_row = compile_mapping(MappingPolicy("ID", {"a": "GONE"}), COLUMNS, str.lower)

    assert {} == map_row({"id": "7"}).fields


def test_one_column_may_fill_two_fields() -> None:
    """And columns that nobody maps go nowhere."""
    update = map_row({"text": "x", "float": 1.0}, {"a": "TEXT", "b": "TEXT"})

    assert MappedRow("7", {"a": "x", "b": "x"}) == update


def test_the_years_have_four_digits() -> None:
    """Year 1 is what systems write for `never`."""
    assert "0001-01-01 00:00:00 +00:00" == iterable_date(dt.datetime(1, 1, 1, tzinfo=dt.UTC))
