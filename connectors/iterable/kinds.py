"""Iterable's field types, and whether a value can be of one.

A field has the type of its first value, for ever. Not all is documented of what is turned into it
("7" into a number?): what is open counts as possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

Kind = Literal["string", "date", "long", "double", "boolean", "object", "geo_location"]

_KINDS: Mapping[str, Kind] = {
    "string": "string",
    "keyword": "string",
    "text": "string",
    "date": "date",
    "long": "long",
    "integer": "long",
    "double": "double",
    "float": "double",
    "boolean": "boolean",
    "object": "object",
    "nested": "object",
    "geo_location": "geo_location",
    "geo_point": "geo_location",
}
_TEXT: frozenset[Kind] = frozenset({"string", "date"})
# Five forms are documented. `2024/05/06`, `2024-05` or a blank before milliseconds are not, and
# may be dates all the same.
_PERHAPS_A_DATE = re.compile(r"\s*[0-9]{4}(?![0-9])")
# Whether these are a moment, seconds or no value at all is not documented either.
_PERHAPS_A_MOMENT = re.compile(r"\s*[0-9]*\s*")
_PERHAPS_A_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_PERHAPS_A_BOOLEAN = frozenset({"", "true", "false"})


def kind_of(value: object) -> Kind | None:
    """Return the type of a value as it stands in JSON; a null and an array have none."""
    match value:
        case bool():
            return "boolean"
        case str():
            return "date" if _PERHAPS_A_DATE.match(value) else "string"
        case int():
            return "long"
        case float():
            return "double"
        case dict():
            return "geo_location" if value.keys() >= {"lat", "lon"} else "object"
        case _:
            return None


def kinds_named(names: Iterable[object]) -> frozenset[Kind]:
    """Return the types that `["string", "keyword"]` speaks of; a date comes as a text, too."""
    found = frozenset(_KINDS[name] for name in names if isinstance(name, str) and name in _KINDS)
    return found | _TEXT if found & _TEXT else found


def can_be(value: object, expected: str) -> bool:
    """Say whether a field of the type `expected` may take the value; True when that is open."""
    kind = _KINDS.get(expected)
    return kind is None or _CAN_BE[kind](value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _can_be_date(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return bool(_PERHAPS_A_DATE.match(value) or _PERHAPS_A_MOMENT.fullmatch(value))


def _can_be_long(value: object) -> bool:
    # 7.0 may be taken for 7.
    return _can_be_double(value) and not (isinstance(value, float) and not value.is_integer())


def _can_be_double(value: object) -> bool:
    if isinstance(value, str):
        return not value or _PERHAPS_A_NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _can_be_boolean(value: object) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, str) and value.lower() in _PERHAPS_A_BOOLEAN
    )


_CAN_BE: Mapping[Kind, Callable[[object], bool]] = {
    "string": _is_text,
    "date": _can_be_date,
    "long": _can_be_long,
    "double": _can_be_double,
    "boolean": _can_be_boolean,
    "object": lambda value: isinstance(value, dict),
    "geo_location": lambda value: kind_of(value) == "geo_location" or _is_text(value),
}
