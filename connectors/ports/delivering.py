"""The ports of a destination: where rows go, and who exists there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.records import Answer, Item, MappedRow, Rejected


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one endpoint permits: calls a second and the size of one call."""

    endpoint: str
    calls_per_second: float
    max_rows: int
    max_bytes: int


class Destination(Protocol):
    """A system we deliver to, for one object and mode."""

    @property
    def limits(self) -> CallLimits: ...

    async def probe(self) -> None:
        """Return when the destination answers and takes our key; change nothing there."""
        ...

    @property
    def removes(self) -> bool:
        """Whether rows that left the model, or that the sync's filter leaves out, are items too."""
        ...

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:
        """Return the item as one call carries it, or None when its identity can't be valid.

        What else speaks against a row before any call is Rejected.
        `key` is the row's primary key; `gone` rows left and are only asked for with `removes`.
        """
        ...

    async def deliver(self, items: Sequence[Item]) -> Answer:
        """Make one call; return one outcome per item, in order.

        Raises RetryableError, TooLargeError, RefusedError or ConfigurationError when the call
        itself failed; then nothing is known of its rows.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DirectoryLimits:
    """What a directory permits: calls in a time."""

    look_ups_per_second: float
    exports_per_minute: float


class Directory(Protocol):
    """Who exists at a destination, for a mode that creates nobody.

    Identities are as `Destination.encode` makes them. Everything raises RetryableError or
    ConfigurationError, and then nothing is known.
    """

    @property
    def limits(self) -> DirectoryLimits: ...

    def export(self) -> AsyncIterator[Sequence[str]]:
        """Yield everybody's identity, some at a time; unless it ends well it says nothing."""
        ...

    async def exists(self, identity: str) -> bool:
        """Make one call; say whether there is such a profile.

        Raises RefusedError when the identity itself can't be asked about.
        """
        ...

    async def close(self) -> None: ...
