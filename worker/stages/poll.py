"""Poll: ask the source on schedule whether anything changed, and have it read if so."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, Protocol

from connectors.errors import ConfigurationError, RetryableError, TooLargeError
from connectors.ports import Source
from connectors.records import Model
from worker.clock import Clock
from worker.rules.backoff import BackoffPolicy, backoff_seconds
from worker.rules.schedule import Schedule, next_poll


class Reading(Protocol):
    """How a model is read: by its watermark, or whole."""

    def change_token(self) -> str: ...
    async def read(self, token: str | None) -> Literal["complete", "limit_reached"]: ...


class PollMeter(Protocol):
    """What is counted here."""

    def polled(self, model: str, result: str, now: float) -> None: ...
    def poll_error(self, model: str, kind: str) -> None: ...
    def poll_state(self, model: str, state: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """When a model is polled."""

    schedules: tuple[Schedule, ...]
    settle_delay_seconds: float
    forced_poll_seconds: float = 21_600.0
    probe_seconds: float = 60.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


PollResult = Literal["complete", "unchanged", "limit_reached"]


class PollStage:
    """Polls one model for as long as the process lives."""

    def __init__(
        self,
        model: Model,
        policy: PollPolicy,
        source: Source,
        reading: Reading,
        *,
        clock: Clock,
        dice: random.Random,
        meter: PollMeter,
    ) -> None:
        self._model = model
        self._policy = policy
        self._source = source
        self._reading = reading
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._last_read: float | None = None
        self._token_since = ("", 0.0)

    async def run(self) -> None:
        """Poll on schedule until asked to stop; only FencedError and bugs end it earlier."""
        attempt = 0
        while not self._clock.stopping():
            started = self._clock.now()
            try:
                result = await self.poll_once()
            except RetryableError as error:
                attempt += 1
                self._meter.poll_error(self._model.name, error.kind)
                self._meter.poll_state(self._model.name, "retrying", str(error))
                await self._clock.sleep(
                    backoff_seconds(
                        self._policy.backoff, attempt, self._dice, error.retry_after_seconds
                    )
                )
                continue
            except (ConfigurationError, TooLargeError) as error:
                self._meter.poll_error(self._model.name, error.kind)
                self._meter.poll_state(self._model.name, "stopped", str(error))
                await self._clock.sleep(self._probe_seconds(error, started))
                continue
            attempt = 0
            ended = self._clock.now()
            self._meter.polled(self._model.name, result, ended)
            await self._clock.sleep(next_poll(self._policy.schedules, started, ended) - ended)

    def _probe_seconds(self, error: ConfigurationError | TooLargeError, started: float) -> float:
        # A snapshot that a guard refused was read whole: the next look is the next poll.
        if error.kind != "guard":
            return self._policy.probe_seconds
        ended = self._clock.now()
        return next_poll(self._policy.schedules, started, ended) - ended

    async def poll_once(self) -> PollResult:
        """Bring the topic up to the model as it is now; raise what the connectors raise.

        While the change token stands still nothing is read, until a poll is forced: a model with
        GETDATE() changes by itself, without a change of its tables.
        """
        token = ""
        if self._model.change_tokens:
            token = await self._source.change_token(self._model.change_tokens)
            if token != self._token_since[0]:
                self._token_since = (token, self._clock.monotonic())
            if token == self._reading.change_token() and not self._is_due():
                return "unchanged"
        settled = self._has_settled()
        started = self._clock.monotonic()
        result = await self._reading.read(token if settled else None)
        if result == "complete":
            self._last_read = started
        return result

    def _has_settled(self) -> bool:
        # What moved the token within the settle delay is not read by this poll: were the token
        # kept, the next polls would take those rows for read.
        since = self._token_since[1]
        return self._clock.monotonic() - since >= self._policy.settle_delay_seconds

    def _is_due(self) -> bool:
        # After a start nobody knows when the model was last read.
        if self._last_read is None:
            return True
        return self._clock.monotonic() - self._last_read >= self._policy.forced_poll_seconds
