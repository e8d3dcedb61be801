"""Snapshot: read a model whole, compare it with what is known, then publish the difference.

    read → compare → wait on disk        until the model is known whole
    guards                               too much deleted, changed, blanked? then nothing goes out
    publish what left and what changed   for a row that left: a delete record, then a tombstone

For models without a change column, and where rows that leave must be removed at the destination.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from connectors.errors import ConfigurationError, ConnectorError, RetryableError
from connectors.ports import KnownRow, SeenRow, Snapshots, Source
from connectors.records import Change, Column, Model, Page, Position, SnapshotCounts, Survey, Window
from worker.clock import Clock
from worker.rules.fingerprint import key_text
from worker.rules.guards import GuardPolicy, refusal_sentence, refusals
from worker.rules.ledger import Ended, Progress, Reservation
from worker.rules.watermark import Watermark
from worker.rules.window import least_rows

P = TypeVar("P")
R = TypeVar("R", SeenRow, KnownRow)

CHUNK_ROWS = 2_000
GROWTH_ROWS = 100
SHOWN_ROWS = 20


class Publisher(Protocol[P]):
    """The next stage, as this one sees it."""

    def progress(self, model: Model) -> Progress: ...
    async def prepare(
        self, model: Model, topic: str, columns: Sequence[Column], watermark: Watermark | None
    ) -> P: ...
    async def reserve(
        self, prepared: P, clock_ns: int, wanted: int, least: int
    ) -> Reservation | None: ...
    async def compare(
        self, reservation: Reservation, prepared: P, page: Page
    ) -> Sequence[SeenRow]: ...
    async def send(self, prepared: P, rows: Sequence[tuple[Change, bytes, bytes]]) -> int: ...
    async def commit(
        self,
        reservation: Reservation,
        read: Position | None,
        change_token: str | None,
        ended: Ended,
    ) -> None: ...


class SnapshotMeter(Protocol):
    """What is counted here."""

    def surveyed(self, model: str, survey: Survey) -> None: ...
    def rows_read(self, model: str, *, published: int, unchanged: int, too_large: int) -> None: ...
    def rows_deleted(self, model: str, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """How much one statement returns, and what a run may change.

    `publish` is False for a rehearsal: it reads, compares and counts, and sends nothing.
    """

    guards: GuardPolicy
    max_rows: int = 500_000
    commit_rows: int = 50_000
    publish: bool = True


@dataclass(frozen=True, slots=True)
class Compared:
    """What a snapshot found: counts, some keys of rows that left, and the guards' sentence."""

    counts: SnapshotCounts
    leaving: tuple[str, ...]
    refusal: str


class SnapshotStage(Generic[P]):
    """Reads a model whole. `compared` is what the last read found, for a person to look at."""

    def __init__(
        self,
        model: Model,
        topic: str,
        policy: SnapshotPolicy,
        source: Source,
        publish: Publisher[P],
        snapshots: Snapshots,
        *,
        clock: Clock,
        meter: SnapshotMeter,
    ) -> None:
        self._model = model
        self._topic = topic
        self._policy = policy
        self._source = source
        self._publish = publish
        self._snapshots = snapshots
        self._clock = clock
        self._meter = meter
        self.compared: Compared | None = None

    def change_token(self) -> str:
        """Return the token that stood when everything was last read."""
        return self._publish.progress(self._model).change_token

    async def read(self, token: str | None) -> Literal["complete", "limit_reached"]:
        """Bring the topic up to the model; keep `token` once that is done.

        Raises ConfigurationError when a guard refuses what was read; nothing is published then.
        """
        model, name = self._model, self._model.name
        columns = await self._source.describe(model)
        prepared = await self._publish.prepare(model, self._topic, columns, None)
        survey = await self._source.survey(Window(model, columns, None, None, 0))
        self._meter.surveyed(name, survey)
        await asyncio.to_thread(self._snapshots.begin, name)
        try:
            last = await self._read_all(prepared, columns, survey.rows)
            if last is None:
                return "limit_reached"
            await self._publish_difference(prepared, last.clock_ns)
            # Stopped on the way, the next start reads the model again.
            ended: Ended = "nothing" if self._clock.stopping() else "poll"
            kept = None if self._clock.stopping() or not self._policy.publish else token
            await self._publish.commit(last, None, kept, ended)
        finally:
            await asyncio.to_thread(self._snapshots.end, name)
        return "complete"

    async def _read_all(
        self, prepared: P, columns: tuple[Column, ...], left: int
    ) -> Reservation | None:
        """Read every row; return the last statement's reservation, None at the MQR limit."""
        after: Position | None = None
        while True:
            # Each statement counts into the billing period in which it starts.
            clock_ns = await self._source.clock_ns()
            wanted = min(left, self._policy.max_rows)
            reservation = await self._publish.reserve(prepared, clock_ns, wanted, least_rows(left))
            if reservation is None:
                return None
            window = Window(self._model, columns, after, None, reservation.limit)
            after = await self._read_one(prepared, window, reservation) or after
            if self._clock.stopping():
                await self._publish.commit(reservation, None, None, "nothing")
                return reservation
            await self._publish.commit(reservation, None, None, "statement")
            left -= reservation.rows_read
            if reservation.rows_read < reservation.limit:
                return reservation
            if left <= 0 and not (left := await self._grown_by(columns, after)):
                return reservation

    async def _grown_by(self, columns: tuple[Column, ...], after: Position | None) -> int:
        """Return how many rows lie beyond those that were counted at first.

        Counted 100, then 3 were added, so the first 100 end 3 before the last: those 3 did not
        leave. Room for more that come meanwhile, so that a growing model is read to its end.
        """
        survey = await self._source.survey(Window(self._model, columns, after, None, 0))
        return survey.rows + GROWTH_ROWS if survey.rows else 0

    async def _read_one(
        self, prepared: P, window: Window, reservation: Reservation
    ) -> Position | None:
        key = [c.name for c in window.columns].index(self._model.primary_key)
        read: Position | None = None
        if not window.limit:
            return None
        try:
            async for page in self._source.read(window):
                rows = await self._publish.compare(reservation, prepared, page)
                await asyncio.to_thread(self._snapshots.add, self._model.name, rows)
                read = Position("", key_text(page.rows[-1][key]))
                if self._clock.stopping():
                    break
                if reservation.rows_since_commit >= self._policy.commit_rows:
                    await self._publish.commit(reservation, None, None, "nothing")
        except ConnectorError as error:
            # What was queried so far counts, whatever becomes of its rows before the next poll.
            with contextlib.suppress(RetryableError, ConfigurationError):
                await self._publish.commit(reservation, None, None, reservation.ended_by(error))
            raise
        return read

    async def _publish_difference(self, prepared: P, clock_ns: int) -> None:
        if self._clock.stopping():
            return
        name = self._model.name
        counts = await asyncio.to_thread(self._snapshots.counts, name)
        gone = await asyncio.to_thread(self._snapshots.gone, name, None, SHOWN_ROWS)
        refused = refusals(self._policy.guards, counts)
        sentence = refusal_sentence(name, refused, counts.known) if refused else ""
        leaving = tuple(row.key.decode(errors="replace") for row in gone)
        self.compared = Compared(counts, leaving, sentence)
        if sentence:
            raise ConfigurationError(sentence, kind="guard")
        if not self._policy.publish:
            return
        # Who left first: where one profile's row only got another key, `old` → `new`, its mirror
        # must end with the profile on the list, also when this process ends between the two.
        await self._publish_gone(prepared, clock_ns)
        await self._publish_renamed(prepared, clock_ns)
        await self._publish_changed(prepared)

    async def _publish_changed(self, prepared: P) -> None:
        async for rows in self._chunks(self._snapshots.staged):
            changes = [(r.change, r.delete, r.filled) for r in rows if r.change is not None]
            too_large = await self._publish.send(prepared, changes)
            self._meter.rows_read(
                self._model.name,
                published=len(changes) - too_large,
                unchanged=0,
                too_large=too_large,
            )

    async def _publish_gone(self, prepared: P, clock_ns: int) -> None:
        async for rows in self._chunks(self._snapshots.gone):
            await self._publish.send(
                prepared, [(one, b"", b"") for row in rows for one in _farewell(row, clock_ns)]
            )
            self._meter.rows_deleted(self._model.name, len(rows))

    async def _publish_renamed(self, prepared: P, clock_ns: int) -> None:
        """Say of keys whose row is somebody else's now who it was: key 7, user 5 → user 6.

        A new column makes another delete record as well; then it says who left, and comes back.
        """
        async for rows in self._chunks(self._snapshots.renamed):
            deletes = [(_delete(row, clock_ns), b"", b"") for row in rows]
            await self._publish.send(prepared, deletes)

    async def _chunks(
        self, find: Callable[[str, bytes | None, int], list[R]]
    ) -> AsyncIterator[list[R]]:
        """Yield what waits on disk, some rows at a time, until asked to stop."""
        after: bytes | None = None
        while rows := await asyncio.to_thread(find, self._model.name, after, CHUNK_ROWS):
            if self._clock.stopping():
                return
            yield rows
            after = rows[-1].key


def _farewell(row: KnownRow, clock_ns: int) -> list[Change]:
    """Return what removes a row: its identity for the destination, then nothing at all."""
    delete = _delete(row, clock_ns)
    if not row.delete:  # nobody can read its record any more
        return [delete._replace(value=None)]
    return [delete, delete._replace(value=None)]


def _delete(row: KnownRow, clock_ns: int) -> Change:
    return Change(row.key, row.delete, row.partition, b"", clock_ns, "delete")
