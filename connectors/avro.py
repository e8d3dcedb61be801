"""Rows as Avro in the Confluent frame: a zero byte, the schema id, the record.

Every Kafka tool reads it. Only flat records of the types below are written, and only those are
read back: a schema with arrays of nulls can make five bytes cost seconds.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from functools import partial
from typing import Any

import fastavro
import orjson

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType

MAGIC = 0
_LAYOUT = re.compile(r"\s*\n\s*")
HEADER_BYTES = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NTZ = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock without a zone
_EPOCH_DATE = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=60)

# Microseconds: what Snowflake's clock gives. The watermark, which needs nanoseconds, never
# travels in the row but as text in the ledger.
_AVRO_TYPES: Mapping[ColumnType, Mapping[str, Any]] = {
    ColumnType.TEXT: {"type": "string"},
    ColumnType.FLOAT: {"type": "double"},
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.DATE: {"type": "int", "logicalType": "date"},
    ColumnType.TIME: {"type": "long", "logicalType": "time-micros"},
    ColumnType.TIMESTAMP_NTZ: {"type": "long", "logicalType": "local-timestamp-micros"},
    ColumnType.TIMESTAMP_TZ: {"type": "long", "logicalType": "timestamp-micros"},
    ColumnType.JSON: {"type": "string", "hightide.type": "json"},
    ColumnType.BINARY: {"type": "bytes"},
}


class UndecodableError(Exception):
    """These bytes are not a record of the schema they name."""


def row_schema(model: str, columns: Sequence[Column]) -> str:
    """Return the Avro schema of a model's rows, as the same JSON text for the same columns.

    Every field may be null and defaults to null, so that a new column reads old records and an
    old reader skips a new column. ConfigurationError when two columns would be one field.
    """
    names: dict[str, str] = {}
    for column in columns:
        if (other := names.setdefault(avro_name(column.name), column.name)) != column.name:
            raise ConfigurationError(
                f"model {model}: columns {other} and {column.name} are one name in Avro: rename "
                "one in its SQL",
                kind="column_names",
            )
    fields = [
        {"name": avro_name(c.name), "type": ["null", _avro_type(c)], "default": None, "doc": c.name}
        for c in columns
    ]
    record = {
        "type": "record",
        "namespace": "hightide.model",
        "name": avro_name(model),
        "fields": fields,
    }
    return orjson.dumps(record).decode()


def columns_of(schema: str) -> tuple[Column, ...]:
    """Return the columns a schema of ours holds; UndecodableError for any other schema."""
    try:
        record = orjson.loads(schema)
        if record["type"] != "record":
            raise UndecodableError("the schema is not a record")
        return tuple(_column(field) for field in record["fields"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UndecodableError("the schema is not one that Hightide writes") from error


def avro_name(name: str) -> str:
    """Return `name` with what Avro does not take in a name replaced: `FULL NAME` → `FULL_NAME`."""
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return safe if re.match(r"[A-Za-z_]", safe) else f"_{safe}"


class RowEncoder:
    """Encodes rows of one column list under one schema id."""

    def __init__(self, schema: str, schema_id: int, columns: Sequence[Column]) -> None:
        self._schema = fastavro.parse_schema(_physical(schema))
        self._header = struct.pack(">bI", MAGIC, schema_id)
        self._names = [avro_name(c.name) for c in columns]
        self._converters = [(i, f) for i, c in enumerate(columns) if (f := _to_avro(c)) is not None]

    def encode(self, rows: Iterable[Sequence[object]]) -> list[bytes]:
        """Return one framed record per row.

        Raises ValueError, OverflowError or TypeError when a value does not fit its column's type.
        """
        out: list[bytes] = []
        buffer = io.BytesIO()
        names, converters, schema, header = (
            self._names,
            self._converters,
            self._schema,
            self._header,
        )
        for row in rows:
            values = list(row)
            for i, convert in converters:
                if values[i] is not None:
                    values[i] = convert(values[i])
            buffer.seek(0)
            buffer.truncate()
            buffer.write(header)
            fastavro.schemaless_writer(buffer, schema, dict(zip(names, values, strict=True)))
            out.append(buffer.getvalue())
        return out

    def encode_only(self, row: Sequence[object], keep: Collection[int]) -> bytes:
        """Return the record of a row that holds nothing but the columns at `keep`."""
        [record] = self.encode([[v if i in keep else None for i, v in enumerate(row)]])
        return record


class RowDecoder:
    """Decodes records of one schema, whole: bytes left over mean a wrong schema."""

    def __init__(self, schema: str) -> None:
        self.columns = columns_of(schema)
        try:
            self._schema = fastavro.parse_schema(orjson.loads(schema))
        except Exception as error:  # it has a dozen of its own, without a common base
            raise UndecodableError("the schema is not one that Avro takes") from error

    def decode(self, value: bytes) -> dict[str, object]:
        """Return the row by Avro field name; UndecodableError when the bytes do not fit."""
        stream = io.BytesIO(value)
        stream.seek(HEADER_BYTES)
        try:
            row = fastavro.schemaless_reader(stream, self._schema, None)
        except Exception as error:
            # fastavro raises EOFError, IndexError, UnicodeDecodeError, MemoryError and more here;
            # whatever it is, the bytes are at fault and the record is set aside.
            raise UndecodableError("the record does not fit its schema") from error
        if stream.tell() != len(value) or not isinstance(row, dict):
            raise UndecodableError("the record is longer than its schema says")
        return row


def schema_id_of(value: bytes) -> int:
    """Return the schema id in a frame; UndecodableError when there is no frame."""
    if len(value) < HEADER_BYTES or value[0] != MAGIC:
        raise UndecodableError("the record has no schema frame")
    return int(struct.unpack_from(">I", value, 1)[0])


def _physical(schema: str) -> dict[str, Any]:
    """Return a schema of ours without its logical types: the bytes are the same.

    Values come in physical form; with logical types the library looks at each again, which takes
    a third of its time.
    """
    record: dict[str, Any] = orjson.loads(schema)
    for one in record["fields"]:
        null, kind = one["type"]
        one["type"] = [null, kind["type"]]
    return record


def _avro_type(column: Column) -> Mapping[str, Any]:
    if column.type is ColumnType.DECIMAL:
        return {
            "type": "bytes",
            "logicalType": "decimal",
            "precision": column.precision or 38,
            "scale": column.scale,
        }
    return _AVRO_TYPES[column.type]


def _column(field: Mapping[str, Any]) -> Column:
    null, kind = field["type"]
    if null != "null":
        raise UndecodableError("a field is not optional")
    if kind.get("logicalType") == "decimal" and kind["type"] == "bytes":
        return Column(field["doc"], ColumnType.DECIMAL, int(kind["precision"]), int(kind["scale"]))
    for column_type, avro in _AVRO_TYPES.items():
        if dict(kind) == avro:
            return Column(field["doc"], column_type)
    raise UndecodableError("a field has a type that Hightide does not write")


def _to_avro(column: Column) -> Callable[[Any], object] | None:
    # fastavro takes datetimes and Decimals too, but needs five times as long for each.
    if column.type is ColumnType.DECIMAL:
        return partial(_unscaled, column.scale)
    return _CONVERTERS.get(column.type)


def _microseconds_of_day(value: Any) -> int:
    # Combined rather than taken apart: for what is no time that is a TypeError, as promised.
    return (datetime.combine(_EPOCH_DATE, value) - _EPOCH_NTZ) // _MICROSECOND


def _unscaled(scale: int, value: Any) -> bytes:
    """Return a number as Avro's decimal: `12.5` with scale 2 is 1250, in two's complement."""
    number: int
    if isinstance(value, int):
        number = value * 10**scale
    else:
        shifted = Decimal(value).scaleb(scale, _EXACT)
        number = int(shifted)
        if number != shifted:
            raise ValueError("a number has more decimals than its column")
    size = (number.bit_length() + 8) // 8
    return number.to_bytes(size, "big", signed=True)


def compact_json(text: str) -> str:
    """Return JSON text without the line breaks Snowflake prints into ARRAY and OBJECT columns.

    A line break inside a string is escaped, so every real one is layout; the rest of the text,
    numbers above all, stays as it was.
    """
    return _LAYOUT.sub("", text) if "\n" in text else text


_CONVERTERS: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.TIMESTAMP_NTZ: lambda v: (
        v if v.__class__ is int else (v - _EPOCH_NTZ) // _MICROSECOND
    ),
    ColumnType.TIMESTAMP_TZ: lambda v: v if v.__class__ is int else (v - _EPOCH) // _MICROSECOND,
    ColumnType.DATE: lambda v: (v - _EPOCH_DATE).days,
    ColumnType.TIME: _microseconds_of_day,
    ColumnType.JSON: compact_json,
    ColumnType.BINARY: bytes,
}
