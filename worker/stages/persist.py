"""Persist: repeat a call until it works, however long it takes, and say what is wrong."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from connectors.errors import ConfigurationError, RetryableError, ThrottledError
from worker.clock import Clock, StoppingError
from worker.rules.backoff import BackoffPolicy, backoff_seconds

T = TypeVar("T")


class PersistMeter(Protocol):
    """What is counted here."""

    def sync_state(self, sync: str, state: str, reason: str) -> None: ...
    def deliver_error(self, sync: str, kind: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PersistPolicy:
    """How long to wait between attempts, and between looks whether a person has acted."""

    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    probe_seconds: float = 30.0


class PersistStage:
    """The patience of one sync."""

    def __init__(
        self,
        sync: str,
        policy: PersistPolicy,
        *,
        clock: Clock,
        dice: random.Random,
        meter: PersistMeter,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._troubled: set[object] = set()

    async def until_done(self, call: Callable[[], Awaitable[T]], *, attempt: int = 0) -> T:
        """Return what `call` returns at last; `attempt` were made before.

        A passing failure is tried again after a backoff; one that a person must cure, after the
        probe interval: the call itself is the probe. A 429 uses up no attempt and waits in the
        rate limit. Raises StoppingError when the process stops first.
        """
        me = object()
        try:
            while True:
                try:
                    return await call()
                except (RetryableError, ConfigurationError) as error:
                    self._troubled.add(me)
                    attempt = await self._wait(error, attempt)
        finally:
            # Calls run side by side: one that works does not mean that the others do.
            self._troubled.discard(me)
            if not self._troubled and not self._clock.stopping():
                self._meter.sync_state(self._sync, "running", "")

    async def _wait(self, error: RetryableError | ConfigurationError, attempt: int) -> int:
        """Say what is wrong and wait as long as it asks for; return the attempts so far."""
        self._meter.deliver_error(self._sync, error.kind)
        if isinstance(error, ConfigurationError):
            self._meter.sync_state(self._sync, "stopped", str(error))
            await self.probe_interval()
            return attempt
        self._meter.sync_state(self._sync, "retrying", str(error))
        if isinstance(error, ThrottledError):
            return attempt
        asked = error.retry_after_seconds
        await self.pause(backoff_seconds(self._policy.backoff, attempt + 1, self._dice, asked))
        return attempt + 1

    async def stopped(self, reason: str) -> None:
        """Say that a person must act, and wait one probe interval."""
        me = object()
        self._troubled.add(me)
        self._meter.sync_state(self._sync, "stopped", reason)
        try:
            await self.probe_interval()
        finally:
            self._troubled.discard(me)

    async def probe_interval(self) -> None:
        """Wait one probe interval."""
        await self.pause(self._policy.probe_seconds)

    async def pause(self, seconds: float) -> None:
        """Wait; raise StoppingError as soon as the process is asked to stop."""
        await self._clock.sleep(seconds)
        if self._clock.stopping():
            raise StoppingError
