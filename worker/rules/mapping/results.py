"""What an expression says, in the form that Iterable takes."""

from __future__ import annotations

from datetime import datetime

from worker.rules.mapping.moments import iterable_date
from worker.rules.mapping.sources import UnmappableError
from worker.rules.mapping.values import finite, long

# orjson writes 254 levels, and a field's name may have 128 of its own.
MOST_LEVELS = 100


def from_cel(value: object, levels: int = MOST_LEVELS) -> object:
    """Return a result as JSON can say it, moments in Iterable's form; else UnmappableError."""
    if not levels:
        raise UnmappableError("an expression's result is nested too deeply")
    match value:
        case None | bool() | str():
            return value
        case int():
            return long(value)
        case float():
            return finite(value)
        case datetime():
            return iterable_date(value)
        case list():
            return [from_cel(one, levels - 1) for one in value]
        case dict():
            return {_key(key): from_cel(one, levels - 1) for key, one in value.items()}
        case _:
            raise UnmappableError("an expression's result can't be sent")


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    raise UnmappableError("an expression's result has keys that are no text")
