"""Bury: a rejected row becomes a dead letter, and too many of them stop the sync instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from connectors.ports import DeadLetters
from connectors.records import DeadLetter
from worker.rules.outcomes import DeadLetterLimit, Reject, RejectShare

T = TypeVar("T")


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T: ...
    async def stopped(self, reason: str) -> None: ...


class BuryStage:
    """The dead letters of one sync."""

    def __init__(
        self, sync: str, limit: DeadLetterLimit, dead_letters: DeadLetters, persist: Patience
    ) -> None:
        self._sync = sync
        self._limit = limit
        self._dead_letters = dead_letters
        self._persist = persist

    def share(self) -> RejectShare:
        """Return an account of rejects; whoever rejects keeps one of its own rows."""
        return RejectShare(self._limit)

    async def stop_sync(self) -> None:
        """Say that too many rows are rejected, and wait one probe interval."""
        await self._persist.stopped(
            f"more than {self._limit.max_share:.0%} of the newest rows were rejected, so the fault "
            "is not theirs: correct it in the project, or in the mapping and restart"
        )

    async def bury(self, rejects: Sequence[Reject]) -> None:
        """Return once the dead-letter topic holds them."""
        if not rejects:
            return
        dead = [
            DeadLetter(message, verdict.reason, "deliver", verdict.http_status, attempts)
            for message, verdict, attempts in rejects
        ]
        await self._persist.until_done(lambda: self._dead_letters.put(dead))
