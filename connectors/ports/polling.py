"""The ports of the half that polls: what is read, and where it and its progress are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.records import (
    Change,
    Column,
    LedgerEntry,
    LedgerRecord,
    Model,
    Page,
    Survey,
    Window,
)


class Source(Protocol):
    """A system we read. Every method may raise RetryableError or ConfigurationError."""

    async def clock_ns(self) -> int:
        """Return the source's own clock, in nanoseconds since 1970 UTC."""
        ...

    async def change_token(self, objects: Sequence[str]) -> str:
        """Return an opaque text that differs once any of `objects` changed; costs no warehouse."""
        ...

    async def describe(self, model: Model) -> tuple[Column, ...]:
        """Return the columns the model's query yields, in order, without reading a row."""
        ...

    async def survey(self, window: Window) -> Survey:
        """Count the window's rows, whatever its limit, and the rows that no window returns.

        An aggregate: it returns no key, so it costs no MQR.
        """
        ...

    def read(self, window: Window) -> AsyncIterator[Page]:
        """Yield the window's rows in order, a page at a time: one statement, one snapshot."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """Where changes went. `partitions` has one entry per change, `too_large` indexes into them.

    `offsets` are what they got, by partition; one in which somebody else wrote in between is left
    out.
    """

    partitions: Sequence[int]
    offsets: Mapping[int, range]
    too_large: frozenset[int] = frozenset()


class Producer(Protocol):
    """Writes changes to a model's topic."""

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        """Return once the broker holds every change, or has said of one that it is too large.

        Raises RetryableError when that is not certain; the changes must then be sent again.
        """
        ...

    async def close(self) -> None: ...


class Ledger(Protocol):
    """The append-only truth for progress and MQR."""

    async def append(self, entry: LedgerEntry) -> int:
        """Return the entry's offset once the broker holds it; RetryableError when unknown."""
        ...

    def read(self, from_offset: int) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Yield the records from `from_offset` to the end of the log as it is when called."""
        ...

    async def close(self) -> None: ...


class Schemas(Protocol):
    """Where schema ids come from: a registry, or a compacted topic of our own."""

    async def register(self, subject: str, schema: str) -> int:
        """Return the id under which readers find `schema`; the same text has the same id."""
        ...

    async def by_id(self, schema_id: int) -> str | None:
        """Return the schema text, or None when no such id is known."""
        ...

    async def close(self) -> None: ...
