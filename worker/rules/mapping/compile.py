"""A mapping is compiled for the columns of one schema, and then applied to each row of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.records import Column, ColumnType, MappedRow
from worker.rules.fingerprint import key_text
from worker.rules.mapping.logical import logical
from worker.rules.mapping.pins import pinned
from worker.rules.mapping.sources import (
    Constant,
    Expression,
    FieldSource,
    FromColumn,
    MappingPolicy,
    MissingColumnError,
    UnmappableError,
)
from worker.rules.mapping.tree import ABSENT, Compute, computed_fields
from worker.rules.mapping.values import Convert, converter

Mapper = Callable[[Mapping[str, Any]], MappedRow]
# A column of the first level, without a detour: the field, where it stands in the row, its form,
# and which text counts as NULL there: a VARIANT has one of its own, `null`.
_Step = tuple[str, str, Convert | None, str | None]


@dataclass(frozen=True, slots=True)
class MappingParts:
    """The functions of a mapping, each by itself: from a row to what it says of the row.

    The filter's is its bare result; a field's is None for NULL. They raise UnmappableError.
    """

    match: Compute
    filter: Compute | None
    fields: Mapping[str, Compute]


def compile_mapping(
    policy: MappingPolicy, columns: Sequence[Column], field_name: Callable[[str], str]
) -> Mapper:
    """Return the function from a row, decoded in physical form, to a MappedRow.

    `field_name` says under which name a column stands in the decoded row.
    A mapped column that is not there is left out: it was added after these rows were written (the
    poller publishes nothing while a mapped column is missing); a filter sees null in its place.
    Raises MissingColumnError for the column to match by, unless the filter reads it and so says
    what becomes of rows without it. The function raises UnmappableError when a row that is wanted
    has no identity or a value that can't be sent, and when filter or expression have no result.
    """
    this = _Compiler(policy, columns, field_name)
    identity, wanted, properties = this.identity(), this.filter(), this.properties()
    steps, computed = this.steps(), this.computed()
    clear = policy.nulls == "clear"

    def update(row: Mapping[str, Any]) -> MappedRow:
        if not wanted(row):  # whether it could be sent does not matter, nor whose it is
            return MappedRow(_identity_or_none(identity, row), wanted=False)
        fields: dict[str, object] = {}
        for target, key, convert, null in steps:
            value = row[key]
            if value is None or value == null:
                if clear:
                    fields[target] = None
            else:
                fields[target] = value if convert is None else convert(value)
        for target, compute in computed:
            if (value := compute(row)) is not ABSENT:
                fields[target] = value
        return MappedRow(identity(row), fields, properties(row))

    return update


def compile_parts(
    policy: MappingPolicy, columns: Sequence[Column], field_name: Callable[[str], str]
) -> MappingParts:
    """Return what `compile_mapping` puts together, to try out one at a time.

    Fields whose column is not there are left out. Raises MissingColumnError as it does.
    """
    this = _Compiler(replace(policy, nulls="clear"), columns, field_name)
    return MappingParts(this.identity(), this.condition(), this.leaves())


class _Compiler:
    """What is needed while one mapping is compiled."""

    def __init__(
        self, policy: MappingPolicy, columns: Sequence[Column], field_name: Callable[[str], str]
    ) -> None:
        self._policy = policy
        self._columns = {column.name: column for column in columns}
        self._key = field_name
        self._empty: object = None if policy.nulls == "clear" else ABSENT

    def identity(self) -> Callable[[Mapping[str, Any]], str]:
        column = self._columns.get(self._policy.match_column)
        if column is None:
            if self._policy.filter_reads_match:
                return _nobody
            raise MissingColumnError(self._policy.match_column)
        key, read, null = self._key(column.name), logical(column), _null_text(column)
        whole = column.type is ColumnType.DECIMAL and column.scale == 0

        def identity(row: Mapping[str, Any]) -> str:
            value = row[key]
            if value is None or value == null:
                raise UnmappableError("the row has no value to match the profile by")
            if whole:  # the usual one: no Decimal is made for it
                return str(int.from_bytes(value, "big", signed=True))
            return key_text(read(value))

        return identity

    def condition(self) -> Compute | None:
        this = self._policy.filter
        return None if this is None else self._evaluator(this)

    def filter(self) -> Callable[[Mapping[str, Any]], bool]:
        evaluate = self.condition()
        if evaluate is None:
            return lambda _row: True

        def wanted(row: Mapping[str, Any]) -> bool:
            match evaluate(row):
                case bool() as verdict:
                    return verdict
                case None:
                    return False
                case _:
                    raise UnmappableError("the filter is neither true nor false for the row")

        return wanted

    def properties(self) -> Callable[[Mapping[str, Any]], Mapping[str, object]]:
        steps = [
            (name, self._key(column), logical(self._columns[column]))
            for name, column in self._policy.properties.items()
            if column in self._columns
        ]
        if not steps:
            return lambda _row: {}
        return lambda row: {
            name: None if (value := row[key]) is None else read(value) for name, key, read in steps
        }

    def steps(self) -> list[_Step]:
        return [
            (name, self._key(plain), converter(column := self._columns[plain]), _null_text(column))
            for name, source in self._policy.sources.items()
            if (plain := _plain_column(name, source)) in self._columns
        ]

    def computed(self) -> list[tuple[str, Compute]]:
        leaves = {
            name: compute
            for name, source in self._policy.sources.items()
            if not _plain_column(name, source) and (compute := self._compute(source)) is not None
        }
        return computed_fields(leaves)

    def leaves(self) -> dict[str, Compute]:
        return {
            name: compute
            for name, source in self._policy.sources.items()
            if (compute := self._compute(source)) is not None
        }

    def _compute(self, source: FieldSource) -> Compute | None:
        match source:
            case Constant(value):
                return lambda _row: value
            case Expression(_, columns):
                return self._result(source) if columns <= self._columns.keys() else None
            case FromColumn(name, pin):
                if (column := self._columns.get(name)) is None:
                    return None
                return self._value(column, pinned(column, pin) if pin else converter(column))

    def _value(self, column: Column, convert: Convert | None) -> Compute:
        key, empty, null = self._key(column.name), self._empty, _null_text(column)

        def compute(row: Mapping[str, Any]) -> object:
            value = row[key]
            if value is None or value == null:
                return empty
            return value if convert is None else convert(value)

        return compute

    def _result(self, expression: Expression) -> Compute:
        evaluate, empty = self._evaluator(expression), self._empty

        def compute(row: Mapping[str, Any]) -> object:
            value = evaluate(row)
            return empty if value is None else value

        return compute

    def _evaluator(self, expression: Expression) -> Compute:
        # The language takes 14 MB: only where one is used.
        from worker.rules.mapping.cel import evaluator  # noqa: PLC0415

        there = [self._columns[name] for name in expression.columns if name in self._columns]
        return evaluator(expression, there, self._key)


def _null_text(column: Column) -> str | None:
    return "null" if column.type is ColumnType.JSON else None


def _nobody(_row: Mapping[str, Any]) -> str:
    raise UnmappableError("the row has no column to match the profile by")


def _identity_or_none(identity: Callable[[Mapping[str, Any]], str], row: Mapping[str, Any]) -> str:
    try:
        return identity(row)
    except UnmappableError:
        return ""


def _plain_column(name: str, source: FieldSource) -> str:
    if isinstance(source, FromColumn) and source.pin is None and "." not in name:
        return source.column
    return ""
