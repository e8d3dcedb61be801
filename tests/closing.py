"""Every port ends with `await close()`: a context that never forgets it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar


class Closable(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


@asynccontextmanager
async def closed_after(port: T) -> AsyncIterator[T]:
    """Close `port` at the end of the context, whatever happened in it."""
    try:
        yield port
    finally:
        await port.close()
