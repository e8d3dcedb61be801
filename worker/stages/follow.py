"""Follow: read what changed since the watermark, one statement after the other.

    survey → reserve → read, page by page → commit        until everything surveyed is read

The survey counts what the window holds before a key of it is returned: that much is reserved, and
no more, so that a crash leaves no larger doubt behind than what was really asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RetryableError,
    unknown_column,
)
from connectors.ports import Source
from connectors.records import Column, Model, Page, Position, Survey, Window
from worker.clock import Clock
from worker.rules.fingerprint import key_text
from worker.rules.ledger import Ended, Progress, Reservation
from worker.rules.watermark import Watermark, watermark_of
from worker.rules.window import WindowPolicy, earlier, least_rows

P = TypeVar("P")


class Publisher(Protocol[P]):
    """The next stage, as this one sees it; what it prepares is handed back to it unseen."""

    def progress(self, model: Model) -> Progress: ...
    async def prepare(
        self, model: Model, topic: str, columns: Sequence[Column], watermark: Watermark | None
    ) -> P: ...
    async def doubted_since_ns(self, model: Model) -> int | None: ...
    async def end_doubt(self, model: Model) -> None: ...
    async def reserve(
        self, prepared: P, clock_ns: int, wanted: int, least: int
    ) -> Reservation | None: ...
    async def add(self, reservation: Reservation, prepared: P, page: Page) -> None: ...
    async def commit(
        self,
        reservation: Reservation,
        read: Position | None,
        change_token: str | None,
        ended: Ended,
    ) -> None: ...


class FollowMeter(Protocol):
    """What is counted here."""

    def surveyed(self, model: str, survey: Survey) -> None: ...


@dataclass(frozen=True, slots=True)
class _Poll(Generic[P]):
    """What one poll reads by."""

    prepared: P
    watermark: Watermark
    columns: tuple[Column, ...]
    before: str | None
    token: str | None


class FollowStage(Generic[P]):
    """Reads a model by its watermark."""

    def __init__(
        self,
        model: Model,
        topic: str,
        policy: WindowPolicy,
        source: Source,
        publish: Publisher[P],
        *,
        clock: Clock,
        meter: FollowMeter,
    ) -> None:
        self._model = model
        self._topic = topic
        self._policy = policy
        self._source = source
        self._publish = publish
        self._clock = clock
        self._meter = meter

    def change_token(self) -> str:
        """Return the token that stood when everything was last read."""
        return self._publish.progress(self._model).change_token

    async def read(self, token: str | None) -> Literal["complete", "limit_reached"]:
        """Bring the topic up to the model; keep `token` once nothing below it is left to read.

        Raises what the connectors raise; whatever was queried until then is counted.
        """
        model = self._model
        columns = await self._source.describe(model)
        watermark = watermark_of(model, columns)
        if watermark is None:
            raise unknown_column(model.name, str(model.watermark), (c.name for c in columns))
        prepared = await self._publish.prepare(model, self._topic, columns, watermark)
        clock_ns = await self._source.clock_ns()
        before = watermark.end(clock_ns, self._policy)
        poll = _Poll(prepared, watermark, columns, before, token)
        start = await self._start(watermark)
        survey = await self._source.survey(Window(model, columns, start, before, 0))
        self._meter.surveyed(model.name, survey)
        return await self._read_all(poll, start, survey.rows)

    async def _read_all(
        self, poll: _Poll[P], after: Position | None, left: int
    ) -> Literal["complete", "limit_reached"]:
        while not self._clock.stopping():
            # Each statement counts into the billing period in which it starts, and not in which
            # the survey before it did: that may take minutes.
            clock_ns = await self._source.clock_ns()
            wanted = min(left, self._policy.max_rows)
            reservation = await self._publish.reserve(
                poll.prepared, clock_ns, wanted, least_rows(left)
            )
            if reservation is None:
                return "limit_reached"
            after = await self._read_one(poll, after, left, reservation) or after
            left -= reservation.rows_read
            if self._clock.stopping():
                break  # in the middle, perhaps: what is in doubt stays so
            if left <= 0 or reservation.rows_read < reservation.limit:
                await self._publish.end_doubt(self._model)
                break
        return "complete"

    async def _start(self, watermark: Watermark) -> Position | None:
        start = watermark.start(self._publish.progress(self._model).watermark, self._policy)
        doubted = await self._publish.doubted_since_ns(self._model)
        # A counter has no number for a moment: then everything is read again.
        return start if doubted is None else earlier(start, watermark.at(doubted))

    async def _read_one(
        self, poll: _Poll[P], after: Position | None, left: int, reservation: Reservation
    ) -> Position | None:
        """Read one statement's rows to their end; return the position of the last."""
        read: Position | None = None
        try:
            if reservation.limit:
                window = Window(self._model, poll.columns, after, poll.before, reservation.limit)
                async for page in self._source.read(window):
                    await self._publish.add(reservation, poll.prepared, page)
                    read = self._position(poll, page)
                    if self._clock.stopping():
                        break
                    if reservation.rows_since_commit >= self._policy.commit_rows:
                        await self._publish.commit(reservation, read, None, "nothing")
        except ConnectorError as error:
            # What was queried so far counts, whatever becomes of its rows before the next poll.
            with contextlib.suppress(RetryableError, ConfigurationError):
                await self._publish.commit(reservation, read, None, reservation.ended_by(error))
            raise
        if self._clock.stopping():
            await self._publish.commit(reservation, read, None, "nothing")
        elif reservation.rows_read < reservation.limit or reservation.rows_read >= left:
            await self._publish.commit(reservation, read, poll.token, "poll")
        else:
            await self._publish.commit(reservation, read, None, "statement")
        return read

    def _position(self, poll: _Poll[P], page: Page) -> Position:
        key = [c.name for c in poll.columns].index(self._model.primary_key)
        return Position(poll.watermark.text(page.watermarks[-1]), key_text(page.rows[-1][key]))
