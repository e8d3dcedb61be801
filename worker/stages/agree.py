"""Agree: before the first row of a kind goes out, its fields must fit those of the destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from connectors.errors import ConfigurationError
from connectors.records import Column
from worker.rules.field_types import agreement
from worker.rules.mapping import MappingPolicy


class FieldTypes(Protocol):
    """The destination, as agree sees it."""

    async def types(self) -> Mapping[str, str]: ...


class AgreeStage:
    """Compares the mapping of one sync with the fields of its destination."""

    def __init__(self, sync: str, mapping: MappingPolicy, destination: FieldTypes) -> None:
        self._sync = sync
        self._mapping = mapping
        self._destination = destination

    async def check(self, columns: Sequence[Column]) -> None:
        """Return when nothing is certain to be refused of rows with these columns.

        Raises ConfigurationError with a sentence for each field that is, or what the destination
        raises.
        """
        found = agreement(self._mapping.sources, columns, await self._destination.types())
        if found.conflicts:
            sentences = "; ".join(str(conflict) for conflict in found.conflicts)
            raise ConfigurationError(f"sync {self._sync}: {sentences}", kind="field_type")
