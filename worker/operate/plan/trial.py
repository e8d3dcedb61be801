"""Each field of a mapping by itself, tried on real rows: where it is NULL, where it fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from connectors.avro import avro_name, schema_id_of
from connectors.physical import PhysicalDecoder
from connectors.ports import Schemas
from connectors.records import Column, Message
from worker.rules.mapping import (
    Constant,
    Expression,
    FieldSource,
    FromColumn,
    MappingParts,
    MappingPolicy,
    UnmappableError,
    compile_parts,
)
from worker.rules.mapping.tree import Compute

Kind = Literal["match", "filter", "property", "column", "pinned", "constant", "expression"]


@dataclass(slots=True)
class Trial:
    """What became of one field: `null` rows gave NULL, `failed` says how many failed, and why.

    Why is a sentence of the mapping's own: it quotes no row.
    """

    name: str
    kind: Kind
    tried: int = 0
    null: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        """In how many rows it failed."""
        return self.failed.total()

    @property
    def values(self) -> int:
        """How many rows gave a value."""
        return self.tried - self.null - self.failures

    def run(self, compute: Compute, row: Mapping[str, Any]) -> object:
        """Try it on a row; return the value, None when there is none."""
        self.tried += 1
        try:
            value = compute(row)
        except UnmappableError as error:
            self.failed[str(error)] += 1
            return None
        self.null += value is None
        return value

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "field": self.name,
            "kind": self.kind,
            "tried": self.tried,
            "null": self.null,
            "failed": dict(self.failed),
        }


class _Reader(NamedTuple):
    decoder: PhysicalDecoder
    parts: MappingParts


class Trials:
    """Tries a sync's mapping. Rows have to be decodable."""

    def __init__(self, mapping: MappingPolicy, schemas: Schemas) -> None:
        self._mapping = mapping
        self._schemas = schemas
        self._readers: dict[int, _Reader] = {}
        self._match = Trial("match", "match")
        self._filter = Trial("filter", "filter")
        self._property = Trial("properties", "property")
        self._fields = {name: Trial(name, kind_of(s)) for name, s in mapping.sources.items()}

    @property
    def columns(self) -> list[Sequence[Column]]:
        """The columns of the rows, for each schema that they have."""
        return [reader.decoder.columns for reader in self._readers.values()]

    @property
    def of_fields(self) -> Mapping[str, Trial]:
        """The trials of the mapped fields, by name."""
        return self._fields

    def found(self) -> list[Trial]:
        """Return every trial there was: filter and fields, and what else of a row failed."""
        first = [self._filter] if self._mapping.filter is not None else []
        others = [trial for trial in (self._match, self._property) if trial.failed]
        return [*first, *self._fields.values(), *others]

    async def try_row(self, message: Message) -> bool:
        """Try everything on a row; say whether anything failed.

        Of one that the filter leaves out nothing else is tried: deliver does not ask either.
        """
        reader = await self._reader(message.value or b"")
        row = reader.decoder.decode(message.value or b"")
        parts, before = reader.parts, self._failures()
        if parts.filter is None or self._is_wanted(parts.filter, row):
            for name, compute in parts.fields.items():
                self._fields[name].run(compute, row)
            self._match.run(parts.match, row)
        return self._failures() > before

    def lacks_property(self, sentence: str) -> None:
        """Note of a row that something outside its fields keeps it from being sent."""
        self._property.tried += 1
        self._property.failed[sentence] += 1

    def _is_wanted(self, compute: Compute, row: Mapping[str, Any]) -> bool:
        value = self._filter.run(compute, row)
        if value is not None and not isinstance(value, bool):
            self._filter.failed["the filter is neither true nor false for the row"] += 1
        return value is True

    def _failures(self) -> int:
        trials = (self._match, self._filter, *self._fields.values())
        return sum(trial.failures for trial in trials)

    async def _reader(self, value: bytes) -> _Reader:
        schema_id = schema_id_of(value)
        if schema_id not in self._readers:
            self._readers[schema_id] = self._new_reader(await self._schemas.by_id(schema_id) or "")
        return self._readers[schema_id]

    def _new_reader(self, schema: str) -> _Reader:
        decoder = PhysicalDecoder(schema, self._mapping.columns)
        return _Reader(decoder, compile_parts(self._mapping, decoder.columns, avro_name))


def kind_of(source: FieldSource) -> Kind:
    """Return what a field is made of, as a word."""
    match source:
        case FromColumn(_, pin):
            return "column" if pin is None else "pinned"
        case Constant():
            return "constant"
        case Expression():
            return "expression"
