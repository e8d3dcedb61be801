"""What a call would carry, without a value of any row: each by its kind and its length."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import orjson

_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d \+00:00)?")

_SCALARS = {type(None): "null", bool: "true or false", int: "number", float: "number"}


def masked(body: bytes, fields: Collection[str]) -> dict[str, object]:
    """Return an item of a call with every value replaced: `text of 5`, `number`, `date`.

    Names stay where the destination or the configuration gave them: the item's own, and those of
    mapped fields. Names inside a column's JSON, or made by an expression, are a row's.
    """
    objects = {name[:at] for name in fields for at in _dots(name)}
    item: dict[str, Any] = orjson.loads(body)
    return {
        name: _members(value, "", objects) if isinstance(value, dict) else _kind(value)
        for name, value in item.items()
    }


def _dots(name: str) -> list[int]:
    return [at for at, character in enumerate(name) if character == "."]


def _members(value: dict[str, Any], inside: str, objects: Collection[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, member in value.items():
        path = f"{inside}{name}"
        is_object = path in objects and isinstance(member, dict)
        found[name] = _members(member, f"{path}.", objects) if is_object else _kind(member)
    return found


def _kind(value: object) -> str:
    match value:
        case str():
            return "date" if _DATE.fullmatch(value) else f"text of {len(value)}"
        case list():
            return f"list of {len(value)}"
        case dict():
            return f"object of {len(value)}"
        case _:
            return _SCALARS[type(value)]
