"""From a value as the record holds it to the value that Python has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from functools import partial
from typing import Any

from connectors.records import Column, ColumnType
from worker.rules.mapping.sources import UnmappableError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NTZ = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock without a zone
_EPOCH_DATE = date(1970, 1, 1)
_EXACT = Context(prec=60)


def logical(column: Column) -> Callable[[Any], object]:
    """Return the function from what a record holds of this column to Python's own value.

    JSON stays text. The function raises UnmappableError for a date outside the years 1 to 9999.
    """
    if column.type is ColumnType.DECIMAL:
        return partial(_decimal, -column.scale)
    made = _MADE.get(column.type)
    return _same if made is None else partial(_made, made)


def _same(value: object) -> object:
    return value


def _made(make: Callable[[Any], object], value: object) -> object:
    try:
        return make(value)
    except OverflowError:
        raise UnmappableError("a date lies outside the years 1 to 9999") from None


def _decimal(exponent: int, value: bytes) -> Decimal:
    return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(exponent, _EXACT)


_MADE: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.TIMESTAMP_NTZ: lambda v: _EPOCH_NTZ + timedelta(microseconds=v),
    ColumnType.TIMESTAMP_TZ: lambda v: _EPOCH + timedelta(microseconds=v),
    ColumnType.DATE: lambda v: _EPOCH_DATE + timedelta(days=v),
    ColumnType.TIME: lambda v: (_EPOCH_NTZ + timedelta(microseconds=v)).time(),
}
