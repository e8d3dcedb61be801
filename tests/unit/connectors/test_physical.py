"""The short way out of a record gives what Avro's own library gives, or sets the record aside."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.avro import RowEncoder, UndecodableError, row_schema
from connectors.physical import PhysicalDecoder
from connectors.records import Column, ColumnType
from tests.unit.connectors.test_avro import ARRAY_OF_NULLS, COLUMNS, SCHEMA, rows

NULLS = (None,) * len(COLUMNS)


def by_library(record: bytes) -> Any:
    """Return the row as fastavro reads it without knowing of dates and decimals."""
    schema = orjson.loads(SCHEMA)
    for field in schema["fields"]:
        field["type"] = ["null", field["type"][1]["type"]]
    stream = io.BytesIO(record)
    stream.seek(5)
    return fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)


@given(rows)
@example(("x" * 63, "x" * 64, *NULLS[2:]))
@example(("x" * 8_191, "\u20ac" * 8_192, *NULLS[2:]))
def test_every_value_is_the_librarys(row: tuple[object, ...]) -> None:
    """All types, NULL, texts and numbers of any length."""
    [record] = RowEncoder(SCHEMA, 1, COLUMNS).encode([row])

    assert by_library(record) == PhysicalDecoder(SCHEMA).decode(record)


@given(rows, st.sets(st.sampled_from([column.name for column in COLUMNS])))
def test_what_is_needed_is_the_same_without_the_rest(
    row: tuple[object, ...], needed: set[str]
) -> None:
    """Columns that are passed over shift none of the others."""
    [record] = RowEncoder(SCHEMA, 1, COLUMNS).encode([row])
    names = {name.replace(" ", "_") for name in needed}
    whole = PhysicalDecoder(SCHEMA).decode(record)
    found = PhysicalDecoder(SCHEMA, needed).decode(record)

    assert {n: v for n, v in whole.items() if n in names} == {n: found[n] for n in names}
    assert found.items() <= whole.items()


@given(rows, st.data())
def test_broken_bytes_are_undecodable_and_nothing_worse(
    row: tuple[object, ...], data: st.DataObject
) -> None:
    """Cut, longer or overwritten: never another error, never a row of half the bytes."""
    [record] = RowEncoder(SCHEMA, 1, COLUMNS).encode([row])
    decoder = PhysicalDecoder(SCHEMA)
    for broken in (record[: data.draw(st.integers(5, len(record) - 1))], record + b"\0"):
        with pytest.raises(UndecodableError):
            decoder.decode(broken)
    position = data.draw(st.integers(5, len(record) - 1))
    changed = record[:position] + data.draw(st.binary(min_size=1, max_size=9))
    try:
        assert len(COLUMNS) == len(decoder.decode(changed))
    except UndecodableError:
        return


@pytest.mark.parametrize(
    "first",
    [
        b"\x02\x01",
        b"\x02\x03ab",
        b"\x04\x02a",
        b"\x01",
        b"\x02\x04\xff\xfe",
        b"\x02" + b"\xff" * 4_000_000,
    ],
)
def test_what_avro_does_not_write_is_undecodable(first: bytes) -> None:
    """A negative length, a branch that is not there, no UTF-8, a number without an end."""
    with pytest.raises(UndecodableError):
        PhysicalDecoder(SCHEMA).decode(b"\0" * 5 + first + b"\0" * (len(COLUMNS) - 1))


@pytest.mark.parametrize(
    ("last", "number"), [(b"\x01", -(2**63)), (b"\x02", None), (b"\x7f", None)]
)
def test_a_number_has_64_bits(last: bytes, number: int | None) -> None:
    """Ten bytes may hold 70: no day has that many, and no library takes it."""
    day = Column("DAY", ColumnType.DATE)
    decoder = PhysicalDecoder(row_schema("m", [day]))
    record = b"\0" * 5 + b"\x02" + b"\xff" * 9 + last

    if number is None:
        with pytest.raises(UndecodableError):
            decoder.decode(record)
    else:
        assert {"DAY": number} == decoder.decode(record)


@pytest.mark.parametrize(
    "schema", ["", "[]", ARRAY_OF_NULLS, SCHEMA.replace('"scale":2', '"scale":99')]
)
def test_a_schema_that_is_not_ours_is_never_read(schema: str) -> None:
    """The same ones are refused as everywhere."""
    with pytest.raises(UndecodableError):
        PhysicalDecoder(schema)
