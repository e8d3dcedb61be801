"""Deliver: items go out in batches, and every row comes back with one outcome.

    accept → (exist) → batcher → (rate) → send → dead letters acknowledged → ack → offsets

The newest version of a profile goes out, one call at a time for each profile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from connectors.records import (
    Delivered,
    Message,
    Outcome,
    Partition,
    Postponed,
    Rejected,
    Skipped,
    SkipReason,
    Undetermined,
    Verdict,
)
from worker.clock import Clock, StoppingError
from worker.rules.batching import Batcher, BatchPolicy, Entry
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import Reject

ABSENT = Skipped(SkipReason.ABSENT)


class Accept(Protocol):
    """The stage before: it turns messages into entries."""

    def assigned(self, partition: Partition) -> None: ...
    async def accept(
        self, messages: Sequence[Message], tracker: OffsetTracker, send: Callable[[Entry], None]
    ) -> None: ...


class Line(Protocol):
    """Where entries wait before they are sent: a batcher, or what stands before it."""

    def hold(self, partition: Partition) -> None: ...
    def release(self, partition: Partition) -> None: ...
    def add(self, entry: Entry) -> None: ...
    def drop(self, partitions: frozenset[Partition]) -> list[Entry]: ...


class Settlement(Protocol):
    """A row with its outcome."""

    @property
    def entry(self) -> Entry: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def attempts(self) -> int: ...


class Sender(Protocol):
    """The next stage, as deliver sees it."""

    async def permit(self) -> None: ...
    async def settle(
        self,
        batch: list[Entry],
        keep_ours: Callable[[list[Entry]], list[Entry]],
        is_hopeless: Callable[[int, int, int], bool],
        *,
        permitted: bool,
    ) -> Sequence[Settlement]: ...


class Share(Protocol):
    """An account of rejects."""

    def passes(self, rows: int, rejected: int) -> bool: ...
    def is_hopeless(self, rows: int, accepted: int, refused: int) -> bool: ...


class Bury(Protocol):
    """What becomes of rejected rows."""

    def share(self) -> Share: ...
    async def stop_sync(self) -> None: ...
    async def bury(self, rejects: Sequence[Reject]) -> None: ...


class DeliverMeter(Protocol):
    """What is counted here."""

    def outcome(self, sync: str, verdict: Verdict, rows: int) -> None: ...
    def given_back(self, sync: str, rows: int) -> None: ...
    def delivered_at(self, sync: str, changed_at_ns: Sequence[int], now: float) -> None: ...


@dataclass(frozen=True, slots=True)
class DeliverPolicy:
    """How a sync batches, and how often and how long a row may be postponed."""

    batch: BatchPolicy
    max_calls: int = 6
    postpone_seconds: float = 60.0
    max_postponed: int = 3
    probe_seconds: float = 30.0


class _Judged(NamedTuple):
    entry: Entry
    verdict: Verdict
    attempts: int


class DeliverStage:
    """Delivers the rows of one sync. `run` sends; the other methods are its neighbours'."""

    def __init__(
        self,
        sync: str,
        policy: DeliverPolicy,
        accept: Accept,
        send: Sender,
        bury: Bury,
        *,
        clock: Clock,
        meter: DeliverMeter,
        entrance: Line | None = None,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._accept = accept
        self._send = send
        self._bury = bury
        self._clock = clock
        self._meter = meter
        self._share = bury.share()
        self._batcher = Batcher(policy.batch)
        self._entrance: Line = self._batcher if entrance is None else entrance
        self._trackers: dict[Partition, OffsetTracker] = {}
        self._calls: dict[asyncio.Task[None], list[Entry]] = {}
        self._news = asyncio.Event()
        self._next_probe = 0.0

    # --- for the consume stage -----------------------------------------------------------------

    def assigned(self, partition: Partition, tracker: OffsetTracker, *, hold: bool) -> None:
        """Take a partition's rows from now on; with `hold`, send none before `release`."""
        self._trackers[partition] = tracker
        self._accept.assigned(partition)
        if hold:
            self._entrance.hold(partition)

    def release(self, partition: Partition) -> None:
        """Send what was held."""
        self._entrance.release(partition)
        self._news.set()

    async def accept(self, messages: Sequence[Message], tracker: OffsetTracker) -> None:
        """Take messages in; those that can't be sent have their outcome when this returns."""
        await self._accept.accept(messages, tracker, self._enter)

    def _enter(self, entry: Entry) -> None:
        for ours in self.keep_ours([entry]):
            self._entrance.add(ours)
        self._news.set()

    async def let_go(self, partitions: frozenset[Partition], within_seconds: float) -> None:
        """Send nothing more of these partitions; wait a while for calls that are out."""
        for partition in partitions:
            self._trackers.pop(partition, None)
        dropped = self._batcher.drop(partitions)
        if self._entrance is not self._batcher:
            dropped += self._entrance.drop(partitions)
        self._give_back(dropped)
        out = [
            task
            for task, entries in self._calls.items()
            if any(entry.partition in partitions for entry in entries)
        ]
        if out and within_seconds > 0:
            await asyncio.wait(out, timeout=within_seconds)

    # --- for what stands before the batcher ----------------------------------------------------

    def send(self, entry: Entry) -> None:
        """Send an entry with the next batch."""
        for ours in self.keep_ours([entry]):
            self._batcher.add(ours)
        self._news.set()

    def absent(self, entries: Sequence[Entry]) -> None:
        """Let rows have their outcome that need not be sent: nobody is there to take them."""
        self._acknowledge([_Judged(entry, ABSENT, 0) for entry in entries])

    def keep_ours(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries that are ours to send; the others are left to their next owner."""
        ours = [e for e in entries if self._trackers.get(e.partition) is e.covers[-1][0]]
        if len(ours) < len(entries):
            kept = {id(entry) for entry in ours}
            self._give_back([e for e in entries if id(e) not in kept])
        return ours

    # --- sending -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what is due until asked to stop; then wait for the calls that are out."""
        with contextlib.suppress(StoppingError):
            while True:
                await self._batch_is_due()
                await self._send.permit()
                # Taken only now: rows that arrived during the wait are in, newer versions too.
                if batch := self._batcher.take():
                    self._start(batch)
        if self._calls:
            await asyncio.wait(self._calls)

    async def _batch_is_due(self) -> None:
        while not self._clock.stopping():
            now = self._clock.monotonic()
            self._batcher.wake(now)
            due = self._batcher.due_in(now)
            if due == 0.0 and len(self._calls) < self._policy.max_calls:
                return
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 0.2 if not due else min(due, 0.2))
        raise StoppingError

    def _start(self, batch: list[Entry]) -> None:
        task = asyncio.create_task(self._deliver(batch), name=f"call-{self._sync}")
        self._calls[task] = batch
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._batcher.finish(self._calls.pop(task))
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug, and nobody awaits the task: the loop's handler ends the process.
            message = f"sync {self._sync}: a call failed"
            context = {"message": message, "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)

    async def _deliver(self, batch: list[Entry]) -> None:
        with contextlib.suppress(StoppingError):
            judged, unsure = await self._ask(batch, batch, permitted=True)
            while not self._believes(judged, unsure):
                await self._bury.stop_sync()
                if not self._may_probe():
                    continue
                # The cause may be gone by now: whoever was not accepted is asked about again.
                again = [*unsure, *(one.entry for one in judged if _is_reject(one))]
                accepted = [one for one in judged if not _is_reject(one)]
                judged, unsure = await self._ask(batch, again, permitted=False)
                judged = accepted + judged
                if not unsure and not _rejects(judged):
                    self._next_probe = 0.0  # cured: the others need not wait
            await self._bury.bury(_rejects(judged))
            self._acknowledge(judged)

    async def _ask(
        self, batch: list[Entry], rows: list[Entry], *, permitted: bool
    ) -> tuple[list[_Judged], list[Entry]]:
        doubt = self._share.is_hopeless
        settled = await self._send.settle(rows, self.keep_ours, doubt, permitted=permitted)
        return self._judged(batch, settled)

    def _may_probe(self) -> bool:
        """Say whether this call is the one that looks whether the sync may go on.

        A stopped sync looks once in an interval, however many of its calls wait: the syncs beside
        it have the same rate.
        """
        now = self._clock.monotonic()
        if now < self._next_probe:
            return False
        self._next_probe = now + self._policy.probe_seconds
        return True

    def _believes(self, judged: Sequence[_Judged], unsure: Sequence[Entry]) -> bool:
        return not unsure and self._share.passes(len(judged), len(_rejects(judged)))

    def _judged(
        self, batch: list[Entry], settled: Sequence[Settlement]
    ) -> tuple[list[_Judged], list[Entry]]:
        """Return what has its verdict, and whom nobody asked about to the end.

        The rest leaves the batch for later; after its last try it is rejected.
        """
        judged: list[_Judged] = []
        unsure: list[Entry] = []
        later: list[Entry] = []
        for one in settled:
            outcome = one.outcome
            if isinstance(outcome, Undetermined):
                unsure.append(one.entry)
                continue
            if isinstance(outcome, Postponed):
                if self._has_time(one.entry):
                    later.append(one.entry)
                    continue
                outcome = Rejected(outcome.reason, outcome.http_status)
            judged.append(_Judged(one.entry, outcome, one.attempts))
        self._postpone(batch, later)
        return judged, unsure

    def _has_time(self, entry: Entry) -> bool:
        """Say whether a row may be asked about again later.

        It holds up the offsets behind it meanwhile, so a row that is older than all its tries
        would take has had its time: a backlog is not read at the pace of its unknown users.
        """
        tries, seconds = self._policy.max_postponed, self._policy.postpone_seconds
        written = entry.message.timestamp_ms / 1000
        is_old = 0 < written < self._clock.now() - tries * seconds
        return entry.postponed < tries and not is_old

    def _postpone(self, batch: list[Entry], rows: list[Entry]) -> None:
        # Out of the batch: a call of their own may be under way before this one has its end.
        ids = {id(entry) for entry in rows}
        batch[:] = [entry for entry in batch if id(entry) not in ids]
        until = self._clock.monotonic() + self._policy.postpone_seconds
        ours = self.keep_ours(rows)
        for entry in ours:
            self._batcher.postpone(entry, until)
        kept = {id(entry) for entry in ours}
        self._batcher.finish(entry for entry in rows if id(entry) not in kept)

    def _acknowledge(self, judged: Sequence[_Judged]) -> None:
        counts: dict[Verdict, int] = {}
        for entry, verdict, _ in judged:
            for tracker, offset in entry.covers:
                tracker.ack(offset)
            counts[verdict] = counts.get(verdict, 0) + len(entry.covers)
        for verdict, rows in counts.items():
            self._meter.outcome(self._sync, verdict, rows)
        changed = [e.changed_at_ns for e, verdict, _ in judged if isinstance(verdict, Delivered)]
        self._meter.delivered_at(self._sync, changed, self._clock.now())

    def _give_back(self, entries: Sequence[Entry]) -> None:
        """Leave rows to the partition's next owner.

        An older version that stands in a partition of ours has its outcome: the newer one, which
        the next owner sends, takes its place.
        """
        live = {id(tracker) for tracker in self._trackers.values()}
        for entry in entries:
            for tracker, offset in entry.covers:
                if id(tracker) in live:
                    tracker.ack(offset)
                else:
                    tracker.give_back(1)
        if entries:
            self._meter.given_back(self._sync, sum(len(e.covers) for e in entries))


def _is_reject(judged: _Judged) -> bool:
    return isinstance(judged.verdict, Rejected)


def _rejects(judged: Sequence[_Judged]) -> list[Reject]:
    return [Reject(e.message, v, n) for e, v, n in judged if isinstance(v, Rejected)]
