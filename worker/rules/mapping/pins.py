"""A value brought into the form of a type that the mapping pins, or refused.

Text that says a number becomes the number, a number becomes its digits, an epoch becomes a date.
What says nothing of the kind is refused: half a guess would fix a field's type for ever.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import orjson

from connectors.records import Column, ColumnType
from worker.rules.mapping.logical import logical
from worker.rules.mapping.moments import iterable_date, moment_text
from worker.rules.mapping.sources import Pin, UnmappableError
from worker.rules.mapping.values import Convert, finite, long

_WHOLE = re.compile(r"[+-]?[0-9]{1,38}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DAY = re.compile(r"[0-9]{8}")  # 20261104 is a day; as an epoch it would be in 1970
_SAID: Mapping[object, bool] = {
    "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False,
}  # fmt: skip
# 20260101 is a date without its hyphens; as seconds it would be a day in 1970.
_LEAST_EPOCH = 10**8
# An epoch's unit shows in its size: as seconds, 10^11 is the year 5138; as ms, 10^14 is too.
_EPOCH_UNITS = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))


def pinned(column: Column, pin: Pin) -> Convert:
    """Return the function from what a record holds of this column to the form of the pinned type.

    It raises UnmappableError when the value says nothing of that type.
    """
    read, write = logical(column), _WRITERS[pin]
    if column.type is not ColumnType.JSON:
        return lambda value: write(read(value))

    def of_json(text: str) -> object:
        value = _parsed(text)
        return text if pin == "string" and not isinstance(value, str) else write(value)

    return of_json


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise UnmappableError("a semi-structured value is not JSON") from None


def _string(value: object) -> str:
    write = next((write for kind, write in _TEXTS if isinstance(value, kind)), None)
    if write is None:
        raise _refused("text")
    return write(value)


def _long(value: object) -> int:
    match value:
        case bool():
            raise _refused("a whole number")
        case int():
            return long(value)
        case float() | Decimal() if _is_whole(value):
            return long(int(value))
        case str() if _WHOLE.fullmatch(value):
            return long(int(value))
        case _:
            raise _refused("a whole number")


def _double(value: object) -> float:
    match value:
        case bool():
            raise _refused("a number")
        case int() | float() | Decimal():
            return finite(float(value))
        case str() if _NUMBER.fullmatch(value):
            return finite(float(value))
        case _:
            raise _refused("a number")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int | float | Decimal):
        said = value.lower() if isinstance(value, str) else _long_text(value)
        if (found := _SAID.get(said)) is not None:
            return found
    raise _refused("true or false")


def _long_text(value: float | Decimal) -> str:
    return str(int(value)) if _is_whole(value) else ""


def _date(value: object) -> str:
    match value:
        case datetime():
            return iterable_date(value)
        case date():
            return iterable_date(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case bool():
            raise _refused("a date")
        case int() | float() | Decimal() if _is_number(value):
            return _epoch(Decimal(value))
        case str() if _NUMBER.fullmatch(value) and not _DAY.fullmatch(value):
            return _epoch(Decimal(value))
        case str():
            return _date_of_text(value)
        case _:
            raise _refused("a date")


def _date_of_text(text: str) -> str:
    try:
        return iterable_date(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise _refused("a date") from None


def _epoch(value: Decimal) -> str:
    if abs(value) < _LEAST_EPOCH:
        raise _refused("a date")
    for limit, microseconds in _EPOCH_UNITS:
        if abs(value) < limit:
            return moment_text(int((value * microseconds).to_integral_value("ROUND_FLOOR")))
    if abs(value) < 10**20:
        return moment_text(int(value) // 1_000)
    raise _refused("a date")


def _is_number(value: float | Decimal) -> bool:
    return Decimal(value).is_finite()


def _is_whole(value: float | Decimal) -> bool:
    return _is_number(value) and value == int(value)


def _refused(wanted: str) -> UnmappableError:
    return UnmappableError(f"a value pinned to another type is not {wanted}")


_WRITERS: Mapping[Pin, Callable[[Any], object]] = {
    "string": _string,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "date": _date,
}
# A bool is an int and a datetime a date: the first that fits.
_TEXTS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (str, str),
    (bool, lambda value: "true" if value else "false"),
    (Decimal, lambda value: format(value, "f")),  # 12.50 as it is, never 1.25E+1
    (float, lambda value: str(finite(value))),
    (datetime, iterable_date),
    (date, date.isoformat),
    (time, lambda value: value.isoformat("seconds")),
    (bytes, lambda value: base64.b64encode(value).decode()),
)
