"""Deliver: items go out in batches, and every row comes back with one outcome.

    accept → batcher → (rate) → send → dead letters acknowledged → ack → offsets

The newest version of a profile goes out, one call at a time for each profile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from connectors.ports import DeadLetters
from connectors.records import (
    DeadLetter,
    Delivered,
    Item,
    Message,
    Partition,
    Postponed,
    Rejected,
    Skipped,
    SkipReason,
    Verdict,
)
from worker.clock import Clock, StoppingError
from worker.rules.batching import Batcher, BatchPolicy, Entry
from worker.rules.epochs import Epochs
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import DeadLetterLimit, RejectShare

T = TypeVar("T")

ROWS_PER_BREATH = 32
SUPERSEDED = Skipped(SkipReason.SUPERSEDED)


class Interpreter(Protocol):
    """Turns messages into items."""

    async def learn(self, messages: Sequence[Message]) -> None: ...
    def item(self, message: Message) -> Item | Skipped | Rejected: ...
    def changed_at_ns(self, message: Message) -> int: ...


class Settlement(Protocol):
    """A row with its verdict."""

    @property
    def entry(self) -> Entry: ...
    @property
    def verdict(self) -> Verdict | Postponed: ...
    @property
    def attempts(self) -> int: ...


class Sender(Protocol):
    """The next stage, as deliver sees it."""

    async def permit(self) -> None: ...
    def owns(self, share: float) -> None: ...
    async def settle(
        self, batch: list[Entry], keep_ours: Callable[[list[Entry]], list[Entry]]
    ) -> Sequence[Settlement]: ...


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T: ...
    async def stopped(self, reason: str) -> None: ...


class DeliverMeter(Protocol):
    """What is counted here."""

    def outcome(self, sync: str, verdict: Verdict, rows: int) -> None: ...
    def given_back(self, sync: str, rows: int) -> None: ...
    def delivered_at(self, sync: str, changed_at_ns: Sequence[int], now: float) -> None: ...


@dataclass(frozen=True, slots=True)
class DeliverPolicy:
    """How a sync batches, and when its rejects are too many."""

    batch: BatchPolicy
    max_calls: int = 6
    postpone_seconds: float = 60.0
    max_postponed: int = 3
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)


class _Judged(NamedTuple):
    entry: Entry
    verdict: Verdict
    attempts: int


class DeliverStage:
    """Delivers the rows of one sync. `run` sends; the other methods are the consume stage's."""

    def __init__(
        self,
        sync: str,
        policy: DeliverPolicy,
        interpret: Interpreter,
        send: Sender,
        dead_letters: DeadLetters,
        persist: Patience,
        *,
        clock: Clock,
        meter: DeliverMeter,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._interpret = interpret
        self._send = send
        self._dead_letters = dead_letters
        self._persist = persist
        self._clock = clock
        self._meter = meter
        self._batcher = Batcher(policy.batch)
        # Two: a row that becomes an item is seen by both, and each must know all of its own rows.
        self._unsendable = RejectShare(policy.dead_letter_limit)
        self._share = RejectShare(policy.dead_letter_limit)
        self._trackers: dict[Partition, OffsetTracker] = {}
        self._epochs = Epochs()
        self._calls: dict[asyncio.Task[None], list[Entry]] = {}
        self._news = asyncio.Event()

    # --- for the consume stage -----------------------------------------------------------------

    def assigned(self, partition: Partition, tracker: OffsetTracker, *, hold: bool) -> None:
        """Take a partition's rows from now on; with `hold`, send none before `release`."""
        self._trackers[partition] = tracker
        self._epochs.begin(partition)
        if hold:
            self._batcher.hold(partition)

    def release(self, partition: Partition) -> None:
        """Send what was held."""
        self._batcher.release(partition)
        self._news.set()

    def owns(self, share: float) -> None:
        """Send at most this share of the sync's rate: the rest is other processes'."""
        self._send.owns(share)

    async def accept(self, messages: Sequence[Message], tracker: OffsetTracker) -> None:
        """Take messages in; those that can't be sent have their outcome when this returns.

        Waits as long as their schema can't be had or lacks a mapped column, and while too many of
        them are rejected; returns early, leaving them without an outcome, when the process stops.
        """
        left = len(messages)
        try:
            await self._persist.until_done(lambda: self._interpret.learn(messages))
            settled: list[tuple[Message, Skipped | Rejected]] = []
            for number, message in enumerate(messages):
                # A call that is due must not wait until 500 rows are decoded: calls that leave in
                # a bunch would be too many for one second.
                if number % ROWS_PER_BREATH == 0:
                    await self._clock.breathe()
                behind = self._epochs.superseded(message)
                item = SUPERSEDED if behind else self._interpret.item(message)
                if isinstance(item, Item):
                    self._batcher.add(self._entry(item, message, tracker))
                    left -= 1
                else:
                    settled.append((message, item))
            self._news.set()
            rejected = [(m, v, 0) for m, v in settled if isinstance(v, Rejected)]
            await self._within(self._unsendable, len(messages), len(rejected))
            await self._bury(rejected)
            for message, verdict in settled:
                tracker.ack(message.offset)
                self._meter.outcome(self._sync, verdict, 1)
        except StoppingError:
            return
        except asyncio.CancelledError:
            # Their partition went while they waited here: its next owner reads them.
            self._meter.given_back(self._sync, left)
            raise

    def _entry(self, item: Item, message: Message, tracker: OffsetTracker) -> Entry:
        changed_at = self._interpret.changed_at_ns(message)
        covers = [(tracker, message.offset)]
        return Entry(item, message, covers, changed_at, self._clock.monotonic())

    async def let_go(self, partitions: frozenset[Partition], within_seconds: float) -> None:
        """Send nothing more of these partitions; wait a while for calls that are out."""
        for partition in partitions:
            self._trackers.pop(partition, None)
        self._give_back(self._batcher.drop(partitions))
        out = [
            task
            for task, entries in self._calls.items()
            if any(entry.partition in partitions for entry in entries)
        ]
        if out and within_seconds > 0:
            await asyncio.wait(out, timeout=within_seconds)

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
            judged = self._judged(await self._send.settle(batch, self._keep_ours))
            rejected = [(e.message, v, n) for e, v, n in judged if isinstance(v, Rejected)]
            await self._within(self._share, len(judged), len(rejected))
            await self._bury(rejected)
            self._acknowledge(judged)

    def _judged(self, settled: Sequence[Settlement]) -> list[_Judged]:
        """Return what has its verdict; keep the rest for later, or reject it after the last try."""
        judged: list[_Judged] = []
        for one in settled:
            verdict = one.verdict
            if isinstance(verdict, Postponed):
                if one.entry.postponed < self._policy.max_postponed:
                    until = self._clock.monotonic() + self._policy.postpone_seconds
                    self._batcher.postpone(one.entry, until)
                    continue
                verdict = Rejected(verdict.reason, verdict.http_status)
            judged.append(_Judged(one.entry, verdict, one.attempts))
        return judged

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

    async def _within(self, newest: RejectShare, rows: int, rejected: int) -> None:
        """Wait for a person, for ever if need be, while too many rows are rejected."""
        while not newest.passes(rows, rejected):
            share = self._policy.dead_letter_limit.max_share
            await self._persist.stopped(
                f"more than {share:.0%} of the newest rows were rejected, so the fault is not "
                "theirs: check the mapping and the project, then restart"
            )

    async def _bury(self, letters: Sequence[tuple[Message, Rejected, int]]) -> None:
        """Return once the dead-letter topic holds the letters."""
        if not letters:
            return
        dead = [
            DeadLetter(message, verdict.reason, "deliver", verdict.http_status, attempts)
            for message, verdict, attempts in letters
        ]
        await self._persist.until_done(lambda: self._dead_letters.put(dead))

    # --- whose rows they are -------------------------------------------------------------------

    def _keep_ours(self, entries: list[Entry]) -> list[Entry]:
        ours = [e for e in entries if self._trackers.get(e.partition) is e.covers[-1][0]]
        if len(ours) < len(entries):
            kept = {id(entry) for entry in ours}
            self._give_back([e for e in entries if id(e) not in kept])
        return ours

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
        if entries:
            self._meter.given_back(self._sync, sum(len(e.covers) for e in entries))
