"""What a mapping sends, held against the types that Iterable's fields have already.

A field's type is that of the first value it ever got, and stays. One value of another type makes
Iterable refuse the whole call, so what is certain is said before the first: a boolean for a `long`.
What depends on the row is not: a text may be a date, an expression anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.records import Column, ColumnType
from worker.rules.mapping import Constant, Expression, FieldSource, FromColumn
from worker.rules.mapping.sources import Pin

Kind = Literal["string", "long", "double", "boolean", "date"]

_OF_COLUMN: Mapping[ColumnType, Kind] = {
    ColumnType.TEXT: "string",
    ColumnType.FLOAT: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
    ColumnType.TIME: "string",
    ColumnType.TIMESTAMP_NTZ: "date",
    ColumnType.TIMESTAMP_TZ: "date",
    ColumnType.BINARY: "string",
}
# The types of Iterable's that may take each kind. What it makes of "7" for a long is not known, of
# 7.0 neither, and a geo_location may be a text: only where no value fits is a refusal certain.
_TAKEN_BY: Mapping[Kind, frozenset[str]] = {
    "string": frozenset({"string", "date", "long", "double", "boolean", "geo_location"}),
    "date": frozenset({"date", "string", "geo_location"}),
    "long": frozenset({"long", "double", "date"}),
    "double": frozenset({"double", "long"}),
    "boolean": frozenset({"boolean"}),
}
_PINS: Mapping[str, Pin] = {
    "string": "string",
    "long": "long",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
}
_TYPES = frozenset({*_PINS, "object", "geo_location"})


@dataclass(frozen=True, slots=True)
class TypeConflict:
    """A field that Iterable would refuse: `ours` is what is sent, `theirs` what it takes."""

    field: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        pin = _PINS.get(self.theirs)
        cure = "map it to another field"
        if pin is not None and self.ours != "object":
            cure = f"pin it ({{column: …, type: {pin}}}) where its values allow that, or {cure}"
        return f"field {self.field} is {self.theirs} in Iterable and {self.ours} here: {cure}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What speaks against a mapping, and which fields it would create."""

    conflicts: tuple[TypeConflict, ...]
    created: tuple[str, ...]


def agreement(
    fields: Mapping[str, FieldSource], columns: Sequence[Column], known: Mapping[str, str]
) -> Agreement:
    """Compare the mapped fields with the types that Iterable names; only what is certain counts.

    `known` has nested fields by their dotted names, and of an array the type of its elements.
    """
    by_name = {column.name: column for column in columns}
    conflicts = [
        conflict
        for name, source in fields.items()
        if (conflict := _conflict(name, _kind(source, by_name), known)) is not None
    ]
    return Agreement(tuple(conflicts), tuple(name for name in fields if name not in known))


def _conflict(name: str, kind: Kind | None, known: Mapping[str, str]) -> TypeConflict | None:
    parts = name.split(".")
    for end in range(1, len(parts)):
        outer = ".".join(parts[:end])
        theirs = known.get(outer)
        if theirs in _TYPES and theirs != "object":
            return TypeConflict(outer, "object", str(theirs))
    theirs = known.get(name)
    if kind is None or theirs not in _TYPES or theirs in _TAKEN_BY[kind]:
        return None
    return TypeConflict(name, kind, str(theirs))


def _kind(source: FieldSource, columns: Mapping[str, Column]) -> Kind | None:
    match source:
        case FromColumn(_, pin) if pin is not None:
            return pin
        case FromColumn(name):
            return None if (column := columns.get(name)) is None else _kind_of(column)
        case Constant(value):
            return _kind_of_constant(value)
        case Expression():
            return None


def _kind_of(column: Column) -> Kind | None:
    if column.type is ColumnType.DECIMAL:
        return "double" if column.scale else "long"
    return _OF_COLUMN.get(column.type)


def _kind_of_constant(value: str | float | bool) -> Kind:  # noqa: FBT001  # one of its kinds
    match value:
        case bool():
            return "boolean"
        case int():
            return "long"
        case float():
            return "double"
        case str():
            return "string"
