"""Pace: when the next call to an endpoint of a project may leave, whichever sync makes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from worker.clock import Clock, StoppingError
from worker.rules.rate_limit import RatePolicy, TurnLimit
from worker.rules.turns import Turns

# Turns and their owners change while somebody waits.
LONGEST_WAIT_SECONDS = 0.5


class PaceStage:
    """One budget: the syncs of a process that call the same endpoint of the same project share it.

    With several processes each calls at the turns of its partitions.
    """

    def __init__(self, rate: RatePolicy, turns: Turns, clock: Clock) -> None:
        self._clock = clock
        self._turns = turns
        self._limit = TurnLimit(rate, turns, clock.monotonic())
        self._line = asyncio.Lock()
        self._lines: dict[str, asyncio.Lock] = {}

    def beside(self, rate: RatePolicy) -> PaceStage:
        """Return the budget of another endpoint, whose turns are the same partitions'."""
        return PaceStage(rate, self._turns, self._clock)

    async def permit(self, sync: str) -> None:
        """Return when a call may leave; the syncs are served in turn, however many calls wait.

        Raises StoppingError when the process stops first.
        """
        async with self._lines.setdefault(sync, asyncio.Lock()), self._line:
            while (wait := self._ask()) > 0:
                await self._clock.sleep(min(wait, LONGEST_WAIT_SECONDS))
                if self._clock.stopping():
                    raise StoppingError

    def throttled(self, retry_after_seconds: float | None) -> None:
        """Note a 429."""
        self._limit.throttled(self._clock.monotonic(), retry_after_seconds)

    @property
    def rate(self) -> float:
        """Calls a second we allow ourselves right now."""
        return self._limit.rate(self._clock.monotonic(), self._clock.now())

    # --- whose turns they are ------------------------------------------------------------------

    def has(self, sync: str, partitions: int) -> None:
        """Note how many partitions a sync's topic has; 0 when nobody knows."""
        self._turns.has(sync, partitions)

    def owns(self, sync: str, partitions: frozenset[int]) -> None:
        """Note which partitions of a sync are ours."""
        self._turns.owns(sync, partitions)

    def learn(self, sync: str, lag: Mapping[int, int], note: str) -> None:
        """Take in how far behind each partition of a sync is, and the note beside its first."""
        self._turns.lags(sync, lag)
        if sync == self._turns.writer:
            self._turns.read(note, self._clock.now())

    def note(self, sync: str) -> str:
        """Return what to leave beside the commits of a sync's first partition; mostly nothing."""
        return self._turns.note(self._clock.now()) if sync == self._turns.writer else ""

    def _ask(self) -> float:
        return self._limit.ask(self._clock.monotonic(), self._clock.now())
