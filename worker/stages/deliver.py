"""Deliver: items go out in batches, and every row comes back with one outcome.

    accept → (exist) → batcher → (rate) → send → dead letters acknowledged → ack → offsets

The newest version of a profile goes out, one call at a time for each profile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.records import (
    Message,
    Partition,
    Rejected,
    Skipped,
    SkipReason,
    Verdict,
)
from worker.clock import Clock, StoppingError
from worker.rules.batching import Batcher, BatchPolicy, Entry
from worker.rules.offsets import OffsetTracker

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


class JudgedLine(Protocol):
    """This stage, as the next one sees it."""

    def keep_ours(self, entries: list[Entry]) -> list[Entry]: ...
    def postpone(self, entry: Entry, until: float) -> None: ...
    def finish(self, batch: Iterable[Entry]) -> None: ...


class Judge(Protocol):
    """The next stage: it sends a batch and settles each of its rows."""

    async def deliver(self, batch: list[Entry], line: JudgedLine) -> None: ...
    def settle(self, entries: Sequence[Entry], verdict: Verdict) -> None: ...


class Pace(Protocol):
    """When calls may leave."""

    async def permit(self) -> None: ...


class DeliverMeter(Protocol):
    """What is counted here."""

    def given_back(self, sync: str, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class DeliverPolicy:
    """How a sync batches, and how many calls may be out."""

    batch: BatchPolicy
    max_calls: int = 6


class DeliverStage:
    """Delivers the rows of one sync. `run` sends; the other methods are its neighbours'."""

    def __init__(
        self,
        sync: str,
        policy: DeliverPolicy,
        accept: Accept,
        pace: Pace,
        judge: Judge,
        *,
        clock: Clock,
        meter: DeliverMeter,
        entrance: Line | None = None,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._accept = accept
        self._pace = pace
        self._judge = judge
        self._clock = clock
        self._meter = meter
        self._batcher = Batcher(policy.batch)
        self._entrance: Line = self._batcher if entrance is None else entrance
        self._trackers: dict[Partition, OffsetTracker] = {}
        self._calls: dict[asyncio.Task[None], list[Entry]] = {}
        self._news = asyncio.Event()

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
        self._judge.settle(entries, ABSENT)

    def rejected(self, entry: Entry, verdict: Rejected) -> None:
        """Let a row have its outcome that the dead letters hold already."""
        self._judge.settle([entry], verdict)

    def keep_ours(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries that are ours to send; the others are left to their next owner."""
        ours = [e for e in entries if self._trackers.get(e.partition) is e.covers[-1][0]]
        if len(ours) < len(entries):
            kept = {id(entry) for entry in ours}
            self._give_back([e for e in entries if id(e) not in kept])
        return ours

    def postpone(self, entry: Entry, until: float) -> None:
        """Keep a row of a call for later."""
        self._batcher.postpone(entry, until)

    def finish(self, batch: Iterable[Entry]) -> None:
        """Let newer versions of rows that are not in a call any more take their place."""
        self._batcher.finish(batch)

    # --- sending -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what is due until asked to stop; then wait for the calls that are out."""
        with contextlib.suppress(StoppingError):
            while True:
                await self._batch_is_due()
                await self._pace.permit()
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
            await self._judge.deliver(batch, self)

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
