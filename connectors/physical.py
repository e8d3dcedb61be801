"""Rows out of their records without a detour: what the bytes hold, of the columns one needs.

fastavro reads a record byte by byte from a file object: 11 µs for a row of 19 columns, 17 when it
makes datetimes and Decimals of them. Out of the bytes as they are it takes 6. Schemas are flat and
their types few (see avro.py), so all of Avro that is needed stands here:

    02 0a 41 6e 6e 61 21   02 = not NULL, 0a = 5 bytes, "Anna!"
    00                     NULL
    02 83 01               02 = not NULL, 7 bits a byte, the lowest first, sign in the last: -66
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

from connectors.avro import HEADER_BYTES, RowDecoder, UndecodableError, avro_name
from connectors.records import Column, ColumnType

_TEXT, _BYTES, _SKIPPED, _LONG, _BOOLEAN, _DOUBLE = range(6)
_KINDS = {
    ColumnType.TEXT: _TEXT,
    ColumnType.JSON: _TEXT,
    ColumnType.DECIMAL: _BYTES,
    ColumnType.BINARY: _BYTES,
    ColumnType.BOOLEAN: _BOOLEAN,
    ColumnType.FLOAT: _DOUBLE,
}
_double = struct.Struct("<d").unpack_from


class PhysicalDecoder:
    """Decodes records of one schema as they are written.

    A moment is its microseconds since 1970, a time those since midnight, a day its number since
    1970, a decimal its digits in two's complement; JSON is text.
    """

    def __init__(self, schema: str, needed: Collection[str] | None = None) -> None:
        """`needed` names columns; all are decoded when it is None. UndecodableError as ever."""
        self.columns = RowDecoder(schema).columns
        self._plan = [*_plan(self.columns, needed)]

    def decode(self, value: bytes) -> dict[str, object]:
        """Return the row by Avro field name; UndecodableError when the bytes do not fit."""
        try:
            row, end = self._read(value)
        except (IndexError, UnicodeDecodeError, struct.error):
            raise UndecodableError("the record does not fit its schema") from None
        # A length beyond the end is noticed here as well: what it cut off is short.
        if end != len(value):
            raise UndecodableError("the record is longer or shorter than its schema says")
        return row

    def _read(self, value: bytes) -> tuple[dict[str, object], int]:  # noqa: C901, PLR0912  # see below
        # One loop without calls: a function for each value would take as long as the rest.
        row: dict[str, object] = {}
        at = HEADER_BYTES
        text, data, long, boolean = _TEXT, _BYTES, _LONG, _BOOLEAN
        for name, kind in self._plan:
            branch = value[at]
            at += 1
            if branch != 2:
                if branch:
                    raise UndecodableError("a value is neither there nor NULL")
                row[name] = None
                continue
            if kind > long:
                if kind == boolean:
                    row[name] = value[at] != 0
                    at += 1
                else:
                    [row[name]] = _double(value, at)
                    at += 8
                continue
            number = value[at]
            at += 1
            if number > 127:  # 7 bits a byte
                number, shift = number & 127, 7
                while (byte := value[at]) > 127 and shift < 63:
                    number |= (byte & 127) << shift
                    shift += 7
                    at += 1
                # A foreign record of 4 MB of these would take hours, and a day has 64 bits.
                if byte > 127 or (shift == 63 and byte > 1):
                    raise UndecodableError("a number has more than 64 bits")
                number |= byte << shift
                at += 1
            if kind == long:
                row[name] = (number >> 1) ^ -(number & 1)
                continue
            if number & 1:
                raise UndecodableError("a length is negative")
            end = at + (number >> 1)
            if kind == text:
                row[name] = value[at:end].decode()
            elif kind == data:
                row[name] = value[at:end]
            at = end
        return row, at


def _plan(columns: Collection[Column], needed: Collection[str] | None) -> Iterator[tuple[str, int]]:
    for column in columns:
        kind = _KINDS.get(column.type, _LONG)
        if kind < _SKIPPED and needed is not None and column.name not in needed:
            kind = _SKIPPED  # numbers are read faster than passed over
        yield avro_name(column.name), kind
