"""Poll: ask the source for what changed, one window after the other, and hand pages on."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from connectors.errors import ConfigurationError, RetryableError, TooLargeError
from connectors.ports import Source
from connectors.records import Column, Model, Page, Position, Window
from worker.clock import Clock
from worker.rules.backoff import BackoffPolicy, backoff_seconds
from worker.rules.fingerprint import key_text
from worker.rules.ledger import Progress, Reservation
from worker.rules.schedule import next_poll
from worker.rules.window import WindowPolicy, start_of_poll, to_text, upper_bound

P = TypeVar("P")


class Publisher(Protocol[P]):
    """The next stage, as poll sees it; what it prepares is handed back to it unseen."""

    def progress(self, model: Model) -> Progress: ...
    async def prepare(self, model: Model, topic: str, columns: Sequence[Column]) -> P: ...
    async def reserve(self, prepared: P, clock_ns: int, wanted: int) -> Reservation | None: ...
    async def add(self, reservation: Reservation, prepared: P, page: Page) -> None: ...
    async def commit(
        self, reservation: Reservation, read: Position | None, change_token: str, *, last: bool
    ) -> None: ...


class PollMeter(Protocol):
    """What is counted here."""

    def polled(self, model: str, result: str, now: float) -> None: ...
    def poll_error(self, model: str, kind: str) -> None: ...
    def poll_state(self, model: str, state: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """When and how a model is polled."""

    topic: str
    interval_seconds: float
    window: WindowPolicy
    forced_poll_seconds: float = 3600.0
    probe_seconds: float = 60.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


PollResult = Literal["complete", "unchanged", "limit_reached"]


class PollStage(Generic[P]):
    """Polls one model for as long as the process lives."""

    def __init__(
        self,
        model: Model,
        policy: PollPolicy,
        source: Source,
        publish: Publisher[P],
        *,
        clock: Clock,
        dice: random.Random,
        meter: PollMeter,
    ) -> None:
        self._model = model
        self._policy = policy
        self._source = source
        self._publish = publish
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._last_query: float | None = None
        self._token_since = ("", 0.0)

    async def run(self) -> None:
        """Poll on schedule until asked to stop; only FencedError and bugs end it earlier."""
        attempt = 0
        while not self._clock.stopping():
            started = self._clock.monotonic()
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
                await self._clock.sleep(self._policy.probe_seconds)
                continue
            attempt = 0
            self._meter.polled(self._model.name, result, self._clock.now())
            now = self._clock.monotonic()
            await self._clock.sleep(next_poll(started, self._policy.interval_seconds, now) - now)

    async def poll_once(self) -> PollResult:
        """Bring the topic up to the model as it is now; raise what the connectors raise."""
        model = self._model
        token = ""
        if model.change_tokens:
            token = await self._source.change_token(model.change_tokens)
            if token != self._token_since[0]:
                self._token_since = (token, self._clock.monotonic())
            if token == self._publish.progress(model).change_token and not self._query_is_due():
                return "unchanged"
        columns = await self._source.describe(model)
        prepared = await self._publish.prepare(model, self._policy.topic, columns)
        await self._refuse_nulls()
        if not self._has_settled(token):
            token = self._publish.progress(model).change_token
        started = self._clock.monotonic()
        clock_ns = await self._source.clock_ns()
        before = upper_bound(clock_ns, self._policy.window)
        after = start_of_poll(self._publish.progress(model).watermark, self._policy.window)
        while not self._clock.stopping():
            wanted = self._policy.window.max_rows
            reservation = await self._publish.reserve(prepared, clock_ns, wanted)
            if reservation is None:
                return "limit_reached"
            window = Window(model, columns, after, before, reservation.limit)
            after = await self._read(window, prepared, reservation, token) or after
            if reservation.rows_read < reservation.limit:
                break
            # Each statement counts into the billing period in which it starts.
            clock_ns = await self._source.clock_ns()
        self._last_query = started
        return "complete"

    async def _read(
        self, window: Window, prepared: P, reservation: Reservation, token: str
    ) -> Position | None:
        """Read one window to its end; return the position of its last row."""
        read: Position | None = None
        key = [c.name for c in window.columns].index(self._model.primary_key)
        try:
            async for page in self._source.read(window):
                await self._publish.add(reservation, prepared, page)
                read = Position(to_text(page.watermarks[-1]), key_text(page.rows[-1][key]))
                if self._clock.stopping():
                    break
                if reservation.rows_since_commit >= self._policy.window.commit_rows:
                    kept = self._publish.progress(self._model).change_token
                    await self._publish.commit(reservation, read, kept, last=False)
        except (RetryableError, ConfigurationError, TooLargeError):
            # What was queried so far counts, whatever becomes of its rows before the next poll.
            with contextlib.suppress(RetryableError, ConfigurationError):
                kept = self._publish.progress(self._model).change_token
                await self._publish.commit(reservation, read, kept, last=True)
            raise
        # The token may be kept only once nothing below it is left to read.
        complete = reservation.rows_read < reservation.limit and not self._clock.stopping()
        kept = token if complete else self._publish.progress(self._model).change_token
        await self._publish.commit(reservation, read, kept, last=True)
        return read

    def _has_settled(self, token: str) -> bool:
        # What moved the token within the settle delay is not read by this poll: were the token
        # kept, the next polls would take those rows for read.
        seen, since = self._token_since
        age = self._clock.monotonic() - since
        return token == seen and age >= self._policy.window.settle_delay_seconds

    def _query_is_due(self) -> bool:
        # A model with GETDATE() changes by itself, without a change of its tables. After a start
        # nobody knows when it was last looked at.
        if self._last_query is None:
            return True
        return self._clock.monotonic() - self._last_query >= self._policy.forced_poll_seconds

    async def _refuse_nulls(self) -> None:
        """Refuse a model with rows that no window would ever return."""
        keys, watermarks = await self._source.missing_values(self._model)
        if keys or watermarks:
            raise ConfigurationError(
                f"model {self._model.name} has {keys} rows whose key {self._model.primary_key} is "
                f"NULL and {watermarks} whose watermark {self._model.watermark} is NULL; no poll "
                "would ever see them: leave them out in its SQL",
                kind="null_key_or_watermark",
            )
