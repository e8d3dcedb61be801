"""Time and waiting. Nothing else in the worker reads a clock or sleeps by itself."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class StoppingError(Exception):
    """The process was asked to stop while something waited; what waited has no outcome."""


class Clock(Protocol):
    """What stages know of time."""

    def now(self) -> float:
        """Return the wall clock in seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow; for intervals."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; return early, without an error, as soon as the process is asked to stop."""
        ...

    async def breathe(self) -> None:
        """Let everything else that is ready run first; long loops call it every few rows."""
        ...

    def stopping(self) -> bool:
        """Whether the process has been asked to stop."""
        ...


class SystemClock:
    """The real clock. `stop` ends every sleep."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def now(self) -> float:
        return time.time()  # noqa: TID251  # the one place that may

    @staticmethod
    def monotonic() -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        if self._stop.is_set():
            return
        try:
            await asyncio.wait_for(self._stop.wait(), timeout=max(0.0, seconds))
        except TimeoutError:
            return

    async def breathe(self) -> None:
        await asyncio.sleep(0)  # noqa: TID251  # not a wait

    def stopping(self) -> bool:
        return self._stop.is_set()
