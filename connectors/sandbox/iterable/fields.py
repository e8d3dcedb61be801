"""Field types: born with the first value ever sent, and fixed from then on.

User fields are one tree for the project, event fields one tree per event name. A nested field is
a branch (`address.city`); an array has the type of its elements. One FieldCheck lives as long as
one request: if the request is refused, the fields it brought to life die with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.iterable.calls import JsonObject
from connectors.sandbox.iterable.dates import is_date, stored_form
from connectors.sandbox.iterable.replies import too_many_fields, type_mismatch

KINDS = ("string", "date", "long", "double", "boolean", "object", "geo_location")

_NONE = type(None)
# What is fine without a second look. Dates, objects and arrays always get one.
_AT_ONCE: dict[str, frozenset[type]] = {
    "string": frozenset({str, _NONE}),
    "long": frozenset({int, _NONE}),
    "double": frozenset({float, int, _NONE}),
    "boolean": frozenset({bool, _NONE}),
    "date": frozenset({_NONE}),
    "object": frozenset({_NONE}),
    "geo_location": frozenset({_NONE}),
}
_NUMBERS = (int, float)


class Field:
    """One field and the fields inside it."""

    __slots__ = ("at_once", "children", "kind", "path")

    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path
        self.at_once = _AT_ONCE[kind]
        self.children: dict[str, Field] = {}


@dataclass(slots=True)
class FieldTree:
    """All known fields of one scope."""

    category: str
    roots: dict[str, Field] = field(default_factory=dict)
    count: int = 0

    def pin(self, path: str, kind: str) -> None:
        """Fix the type of a field, dots for nesting, whatever it was before."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no field type; use one of {', '.join(KINDS)}")
        children = self.roots
        *parents, name = path.split(".")
        for depth, parent in enumerate(parents):
            known = children.get(parent)
            if known is None:
                known = children[parent] = Field("object", ".".join(parents[: depth + 1]))
                self.count += 1
            children = known.children
        self.count += name not in children
        children[name] = Field(kind, path)

    def kinds(self) -> dict[str, str]:
        """Every field's type by its dotted name."""
        return {item.path: item.kind for item in _flatten(self.roots)}


def _flatten(children: dict[str, Field]) -> Iterator[Field]:
    for item in children.values():
        yield item
        yield from _flatten(item.children)


class FieldCheck:
    """Checks the dataFields of one request and turns their dates into the stored form.

    Raises RefusedError at the first value of a wrong type, or when the request would bring more
    fields than the project may have; in both cases no field was created.
    """

    def __init__(self, *, create: bool, limit: int) -> None:
        self._create = create
        self._limit = limit
        self._created: list[tuple[FieldTree, dict[str, Field], str]] = []
        self.created: dict[str, None] = {}
        self.filtered: dict[str, None] = {}
        self._tree = FieldTree("user")

    def look(self, tree: FieldTree, data: JsonObject, *, create: bool | None = None) -> None:
        """Check one row's dataFields, in place."""
        self._tree = tree
        if not (self._create if create is None else create):
            self._drop_unknown(tree.roots, data, "")
        try:
            self._walk(tree.roots, data, "")
        except BaseException:
            self._undo()
            raise

    def close(self, tree: FieldTree) -> None:
        """End the check: hold what it created against the limit of fields."""
        if self._created and tree.count > self._limit:
            total = tree.count
            self._undo()
            raise too_many_fields(self._limit, total, list(self.created))

    def _walk(self, children: dict[str, Field], data: JsonObject, place: str) -> None:
        # The inner loop of the whole sandbox: 50,000 values a call. What is usual is decided here.
        for name, value in data.items():
            known = children.get(name)
            if known is None:
                if value is not None:
                    data[name] = self._value(children, name, value, place)
                continue
            kind = type(value)
            if kind in known.at_once:
                continue
            if kind is list:
                if not known.at_once.issuperset(map(type, value)):
                    self._elements(children, name, value, place)
            elif kind is dict and known.kind == "object":
                self._walk(known.children, value, known.path)
            elif kind is not str or known.kind != "date" or stored_form(value) is not value:
                data[name] = self._fits(known, value)

    def _elements(
        self, children: dict[str, Field], name: str, elements: list[Any], place: str
    ) -> None:
        for index, element in enumerate(elements):
            known = children.get(name)
            if known is not None and known.kind == "object" and type(element) is dict:
                self._walk(known.children, element, known.path)
            elif element is not None:
                elements[index] = self._value(children, name, element, place)

    def _value(self, children: dict[str, Field], name: str, value: Any, place: str) -> Any:
        if type(value) is list:
            self._elements(children, name, value, place)
            return value
        known = children.get(name)
        if known is None:
            known = self._born(children, name, value, place)
        return self._fits(known, value)

    def _fits(self, known: Field, value: Any) -> Any:
        kind = known.kind
        if type(value) in known.at_once:
            return value
        if kind == "date" and type(value) is str:
            stored = stored_form(value)
            if stored is not None:
                return stored
        elif kind == "object" and type(value) is dict:
            self._walk(known.children, value, known.path)
            return value
        elif kind == "geo_location" and _is_place(value):
            return value
        incoming = _incoming(known.path, value)
        raise type_mismatch(known.path, self._tree.category, kind, incoming, value)

    def _born(self, children: dict[str, Field], name: str, value: Any, place: str) -> Field:
        path = f"{place}.{name}" if place else name
        children[name] = known = Field(kind_of(name, value), path)
        self._tree.count += 1
        self._created.append((self._tree, children, name))
        self.created[path] = None
        return known

    def _undo(self) -> None:
        for tree, children, name in reversed(self._created):
            del children[name]
            tree.count -= 1
        self._created.clear()

    def _drop_unknown(self, children: dict[str, Field], data: JsonObject, place: str) -> None:
        for name in list(data):
            path = f"{place}.{name}" if place else name
            known = children.get(name)
            if known is None:
                if data.pop(name) is not None:
                    self.filtered[path] = None
            elif known.kind == "object":
                value = data[name]
                for inner in value if type(value) is list else [value]:
                    if type(inner) is dict:
                        self._drop_unknown(known.children, inner, path)


def kind_of(name: str, value: object) -> str:
    """The type a field gets from this first value."""
    match value:
        case str():
            return "date" if is_date(value) else "string"
        case bool():
            return "boolean"
        case int():
            return "long"
        case float():
            return "double"
        case _:
            is_place = name.endswith("_geo_location") and _is_place(value)
            return "geo_location" if is_place else "object"


def _is_place(value: object) -> bool:
    if type(value) is not dict:
        return False
    return type(value.get("lat")) in _NUMBERS and type(value.get("lon")) in _NUMBERS


def _incoming(name: str, value: object) -> list[str]:
    kind = kind_of(name, value)
    return ["string", "keyword"] if kind == "string" else [kind]
