"""A destination inside the test: it keeps who is at which version, and what must never happen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from connectors.errors import ConnectorError
from connectors.ports import CallLimits
from connectors.records import Answer, Delivered, Item, MappedRow, Outcome, Rejected, RejectReason

BAD = -1


@dataclass(slots=True)
class FarEnd:
    """What one sync's destination holds; shared by all processes that deliver to it."""

    latency_seconds: float = 0.0
    calls_per_second: float = 500.0
    max_rows: int = 1_000
    newest: dict[str, int] = field(default_factory=dict)
    older: list[str] = field(default_factory=list)
    rows: int = 0
    calls: int = 0
    failure: ConnectorError | None = None

    async def take(self, items: Sequence[Item]) -> Sequence[Outcome]:
        """Take a call in: half the latency before it is applied, half after."""
        self.calls += 1
        await _pause(self.latency_seconds / 2)
        if self.failure is not None:
            raise self.failure
        outcomes = [self._apply(item) for item in items]
        await _pause(self.latency_seconds / 2)
        return outcomes

    def _apply(self, item: Item) -> Outcome:
        version = int(orjson.loads(item.body)["version"])
        if version == BAD:
            return Rejected(RejectReason.INVALID_DATA, 200)
        self.rows += 1
        if version < self.newest.get(item.identity, 0):
            self.older.append(item.identity)
        self.newest[item.identity] = version
        return Delivered()


class Way:
    """One process's Destination port to a far end."""

    removes = False

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        self.limits = CallLimits(
            f"/{id(far_end)}", far_end.calls_per_second, far_end.max_rows, 3_500_000
        )

    async def probe(self) -> None:
        return

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | None:  # noqa: ARG002  # the port
        return Item(row.identity, orjson.dumps(row.fields), row.identity) if row.identity else None

    async def deliver(self, items: Sequence[Item]) -> Answer:
        return Answer(await self._far_end.take(items))

    async def close(self) -> None:
        return


async def _pause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)  # noqa: TID251  # the latency of a stand-in is real
