"""From a value as the record holds it to the form that Iterable takes, without a detour.

A record holds numbers and bytes: a moment is its microseconds, a number its digits in two's
complement. Whoever needs a datetime or a Decimal makes it in logical.py, which costs ten times as
much.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from typing import Any

import orjson

from connectors.records import Column, ColumnType
from worker.rules.mapping.moments import day_text, moment_text, time_text
from worker.rules.mapping.sources import UnmappableError

LARGEST_LONG = 2**63 - 1

Convert = Callable[[Any], object]


def converter(column: Column) -> Convert | None:
    """Return the function from what a record holds of this column to what Iterable takes.

    None when both are the same. The function raises UnmappableError for a value that has no such
    form.
    """
    if column.type is ColumnType.DECIMAL:
        return partial(_fraction, 10**column.scale) if column.scale else _whole
    return _CONVERTERS.get(column.type)


def finite(value: float) -> float:
    """Return the number; UnmappableError for what JSON has no word for."""
    if not isfinite(value):
        raise UnmappableError("a float is not a number")
    return value


def long(value: int) -> int:
    """Return the number; UnmappableError when Iterable can't hold it."""
    if -LARGEST_LONG <= value <= LARGEST_LONG:
        return value
    raise UnmappableError("a number is larger than Iterable's long")


def _whole(value: bytes) -> int:
    number = int.from_bytes(value, "big", signed=True)
    if -LARGEST_LONG <= number <= LARGEST_LONG:
        return number
    raise UnmappableError("a number is larger than Iterable's long")


def _fraction(unit: int, value: bytes) -> float:
    # Always a double, 7.00 too: a field's type is that of its first value for ever.
    try:
        return int.from_bytes(value, "big", signed=True) / unit
    except OverflowError:
        raise UnmappableError("a number is larger than Iterable's double") from None


def _json(value: str) -> object:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        raise UnmappableError("a semi-structured value is not JSON") from None
    return orjson.Fragment(value)


_CONVERTERS: Mapping[ColumnType, Convert] = {
    ColumnType.FLOAT: finite,
    ColumnType.JSON: _json,
    ColumnType.TIMESTAMP_NTZ: moment_text,
    ColumnType.TIMESTAMP_TZ: moment_text,
    ColumnType.DATE: day_text,
    ColumnType.TIME: time_text,
    ColumnType.BINARY: lambda value: base64.b64encode(value).decode(),
}
