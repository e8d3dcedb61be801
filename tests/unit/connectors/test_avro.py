"""A row comes back from its record as it went in, or the record is set aside."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.avro import (
    RowDecoder,
    RowEncoder,
    UndecodableError,
    avro_name,
    columns_of,
    compact_json,
    row_schema,
    schema_id_of,
)
from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType

COLUMNS = (
    Column("ID", ColumnType.TEXT),
    Column("FULL NAME", ColumnType.TEXT),
    Column("AMOUNT", ColumnType.DECIMAL, 38, 2),
    Column("RATIO", ColumnType.FLOAT),
    Column("ACTIVE", ColumnType.BOOLEAN),
    Column("DAY", ColumnType.DATE),
    Column("AT_TIME", ColumnType.TIME),
    Column("LOCAL", ColumnType.TIMESTAMP_NTZ),
    Column("MOMENT", ColumnType.TIMESTAMP_TZ),
    Column("DATA", ColumnType.JSON),
    Column("RAW", ColumnType.BINARY),
)
SCHEMA = row_schema("people", COLUMNS)
ARRAY_OF_NULLS = SCHEMA.replace('{"type":"double"}', '{"type":"array","items":"null"}')
EARLIEST, LATEST = dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)  # noqa: DTZ001  # wall clock

values = (
    st.text(),
    st.text(),
    st.decimals(min_value=-(10**30), max_value=10**30, places=2, allow_nan=False),
    st.floats(allow_nan=False),
    st.booleans(),
    st.dates(),
    st.times(),
    st.datetimes(EARLIEST, LATEST),
    st.datetimes(EARLIEST, LATEST, timezones=st.just(dt.UTC)),
    st.dictionaries(st.text(max_size=5), st.integers(-9, 9)).map(
        lambda d: orjson.dumps(d).decode()
    ),
    st.binary(),
)
rows = st.tuples(*(st.none() | value for value in values))


@given(st.lists(rows, max_size=5), st.integers(0, 2**31 - 1))
def test_a_row_comes_back_as_it_was(written: list[tuple[object, ...]], schema_id: int) -> None:
    """Every type, NULL included, under the column's Avro name."""
    records = RowEncoder(SCHEMA, schema_id, COLUMNS).encode(written)
    decoder = RowDecoder(SCHEMA)

    assert written == [tuple(decoder.decode(one).values()) for one in records]
    assert {schema_id} == {schema_id_of(one) for one in records} | {schema_id}


@given(rows, st.data())
def test_broken_bytes_are_undecodable_and_nothing_worse(
    row: tuple[object, ...], data: st.DataObject
) -> None:
    """Cut, longer or overwritten: never another error, never a row of half the bytes."""
    [record] = RowEncoder(SCHEMA, 1, COLUMNS).encode([row])
    decoder = RowDecoder(SCHEMA)
    for broken in (record[: data.draw(st.integers(5, len(record) - 1))], record + b"\0"):
        with pytest.raises(UndecodableError):
            decoder.decode(broken)
    position = data.draw(st.integers(5, len(record) - 1))
    changed = record[:position] + data.draw(st.binary(min_size=1, max_size=9))
    try:
        assert len(COLUMNS) == len(decoder.decode(changed))
    except UndecodableError:
        return


@given(st.binary(max_size=12))
def test_any_bytes_have_a_frame_or_are_undecodable(value: bytes) -> None:
    """A zero byte and four of an id."""
    try:
        found = schema_id_of(value)
    except UndecodableError:
        assert len(value) < 5 or value[0] != 0
    else:
        assert value[:5] == b"\0" + found.to_bytes(4)


def test_columns_come_back_from_their_schema() -> None:
    """Names as the source writes them, types, scales; and the same text every time."""
    assert COLUMNS == columns_of(SCHEMA)
    assert SCHEMA == row_schema("people", columns_of(SCHEMA))


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "[]",
        '"string"',
        '{"type":"record","name":"x","fields":[{"name":"a","type":"string"}]}',
        '{"type":"record","name":"x","fields":[{"name":"a","type":["null","string"],"doc":"a"}]}',
        ARRAY_OF_NULLS,
        SCHEMA.replace('"scale":2', '"scale":99'),
    ],
)
def test_a_schema_that_is_not_ours_is_never_read(schema: str) -> None:
    """An array of nulls makes five bytes cost seconds."""
    with pytest.raises(UndecodableError):
        RowDecoder(schema)


def test_two_columns_that_would_share_a_field_are_refused() -> None:
    """`A B` and `A_B` are one name in Avro: one of them would be lost in silence."""
    columns = (Column("A B", ColumnType.TEXT), Column("A_B", ColumnType.TEXT))
    with pytest.raises(ConfigurationError, match="A B and A_B"):
        row_schema("people", columns)


@pytest.mark.parametrize(
    ("name", "expected"), [("A", "A"), ("FULL NAME", "FULL_NAME"), ("1ST", "_1ST"), ("É", "_")]
)
def test_names_that_avro_does_not_take_are_changed(name: str, expected: str) -> None:
    """The column's own name is kept beside it."""
    assert expected == avro_name(name)


def test_json_loses_the_line_breaks_snowflake_prints() -> None:
    """And nothing else: no digit of a number, nothing inside a text, whatever is no JSON."""
    assert '[{"a": 1}]' == compact_json('[\n  {\n    "a": 1\n  }\n]')
    exact = "[\n  123456789012345678.123\n]"
    assert "[123456789012345678.123]" == compact_json(exact)
    assert "[undefined]" == compact_json("[\n  undefined\n]")
    assert r'["a\n  b"]' == compact_json('[\n  "a\\n  b"\n]')
