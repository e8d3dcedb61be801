"""Where the value of a field comes from, and the whole of what a sync's mapping says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Pin = Literal["string", "long", "double", "boolean", "date"]
NullPolicy = Literal["clear", "keep"]


@dataclass(frozen=True, slots=True)
class FromColumn:
    """The column's value; with a pin, in the form of that type of Iterable's."""

    column: str
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value in every row."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Expression:
    """What an expression makes of the row; `columns` are those that it reads."""

    text: str
    columns: frozenset[str]


FieldSource = FromColumn | Constant | Expression


@dataclass(frozen=True, slots=True)
class MappingPolicy:
    """Which column identifies the profile and what becomes which field.

    A field's name with dots is a place in an object: `address.city`. A plain text among `fields` is
    a column. `properties` are columns whose value goes along as it is, outside the fields. A row
    that `filter` does not let through is not wanted.
    """

    match_column: str
    fields: Mapping[str, str | FieldSource]
    nulls: NullPolicy = "clear"
    properties: Mapping[str, str] = field(default_factory=dict)
    filter: Expression | None = None

    @property
    def sources(self) -> Mapping[str, FieldSource]:
        """Where each field's value comes from."""
        return {
            name: FromColumn(source) if isinstance(source, str) else source
            for name, source in self.fields.items()
        }

    @property
    def filter_reads_match(self) -> bool:
        """Whether the filter says what becomes of rows without a value to match by."""
        return self.filter is not None and self.match_column in self.filter.columns

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is read."""
        found = {self.match_column, *self.properties.values()}
        for source in (*self.sources.values(), self.filter):
            match source:
                case FromColumn(column):
                    found.add(column)
                case Expression(_, columns):
                    found |= columns
                case Constant() | None:
                    pass
        return frozenset(found)


class MissingColumnError(Exception):
    """The column to match profiles by is not in the model's rows."""

    def __init__(self, column: str) -> None:
        super().__init__(f"the model has no column {column} to match profiles by")
        self.column = column


class UnmappableError(Exception):
    """A value has no form that the destination takes."""
