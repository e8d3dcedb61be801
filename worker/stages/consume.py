"""Consume: messages of a sync's consumer group go to delivery, offsets come back.

    poll ─► Messages ─► deliver.accept ─► … outcomes … ─► tracker ─► commit (contiguous prefix only)

Too much in flight pauses a partition; the group never notices. A new partition is held until all
that may have been in flight is read again: only the newest version of each key is sent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from connectors.errors import ConfigurationError, RetryableError
from connectors.ports import Assigned, Consumer, ConsumerEvent, Messages, Revoked
from connectors.records import Message, Partition
from worker.clock import Clock
from worker.rules.backoff import BackoffPolicy, backoff_seconds
from worker.rules.offsets import OffsetTracker
from worker.rules.stall import StallWatch


class Deliverer(Protocol):
    """The next stage, as consume sees it."""

    def assigned(self, partition: Partition, tracker: OffsetTracker, *, hold: bool) -> None: ...
    def release(self, partition: Partition) -> None: ...
    def owns(self, share: float) -> None: ...
    async def accept(self, messages: Sequence[Message], tracker: OffsetTracker) -> None: ...
    async def let_go(self, partitions: frozenset[Partition], within_seconds: float) -> None: ...


class ConsumeMeter(Protocol):
    """What is counted here."""

    def consumed(self, sync: str, rows: int) -> None: ...
    def in_flight(self, sync: str, rows: int) -> None: ...
    def consumer_lag(self, sync: str, lag: Mapping[Partition, int]) -> None: ...
    def assigned_partitions(self, sync: str, partitions: int) -> None: ...
    def consume_error(self, sync: str, kind: str) -> None: ...
    def sync_state(self, sync: str, state: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ConsumePolicy:
    """How much may be in flight on a partition, and how often offsets are saved.

    `slack_rows` may arrive beyond `max_in_flight_rows` before the pause takes hold: four events of
    500 messages. Their sum bounds what a crash makes us read again.
    """

    max_in_flight_rows: int = 3_000
    slack_rows: int = 2_000
    commit_seconds: float = 1.0
    lag_seconds: float = 5.0
    release_seconds: float = 6.0
    drain_seconds: float = 15.0
    stall_seconds: float = 60.0
    probe_seconds: float = 30.0
    patience_seconds: float = 1.0
    backoff: BackoffPolicy = field(default_factory=lambda: BackoffPolicy(1.0, 15.0))


@dataclass(slots=True)
class _Held:
    until_offset: int
    rows_left: int


class ConsumeStage:
    """One member of one sync's group, for as long as the process lives."""

    def __init__(
        self,
        sync: str,
        policy: ConsumePolicy,
        new_consumer: Callable[[], Consumer],
        deliver: Deliverer,
        *,
        clock: Clock,
        dice: random.Random,
        meter: ConsumeMeter,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._new_consumer = new_consumer
        self._deliver = deliver
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._trackers: dict[Partition, OffsetTracker] = {}
        self._held: dict[Partition, _Held] = {}
        self._surplus: dict[Partition, list[Message]] = {}
        self._committed: dict[Partition, int] = {}
        self._accepting: dict[Partition, asyncio.Task[None]] = {}
        self._stall = StallWatch(policy.stall_seconds)
        self._attempt = 0
        self._next_commit = self._next_lag = 0.0
        self._topic_partitions, self._stopped = 0, False
        self._behind = -1  # not looked at yet

    @property
    def _window(self) -> int:
        return self._policy.max_in_flight_rows + self._policy.slack_rows

    @property
    def in_flight(self) -> int:
        """Messages consumed that have no outcome yet."""
        return sum(tracker.in_flight for tracker in self._trackers.values())

    @property
    def idle(self) -> bool:
        """Whether, when last looked at, every message of our partitions had its outcome."""
        return bool(self._trackers) and self.in_flight == 0 and self._behind == 0

    async def run(self) -> None:
        """Consume until asked to stop, then finish what is in flight and commit it."""
        while not self._clock.stopping():
            error = await self._be_member()
            if isinstance(error, ConfigurationError):
                # Also passing states look like this: a topic without a leader for a moment.
                self._stopped = True
                self._meter.sync_state(self._sync, "stopped", str(error))
                await self._clock.sleep(self._policy.probe_seconds)
            elif error is not None:
                self._attempt += 1
                backoff = self._policy.backoff
                await self._clock.sleep(backoff_seconds(backoff, self._attempt, self._dice))

    async def _be_member(self) -> RetryableError | ConfigurationError | None:
        """Consume with one client until it fails or the process stops; it is closed after."""
        consumer = self._new_consumer()
        try:
            while not self._clock.stopping():
                await self._round(consumer)
            await self._drain(consumer)
        except (RetryableError, ConfigurationError) as error:
            self._meter.consume_error(self._sync, error.kind)
            ours = frozenset(self._trackers)
            await self._deliver.let_go(ours, 0.0)
            self._drop(ours)
            return error
        finally:
            await consumer.close()
        return None

    async def _round(self, consumer: Consumer) -> None:
        for event in await consumer.poll(timeout_seconds=0.1):
            await self._handle(consumer, event)
        for partition in [*self._accepting, *self._surplus]:
            await self._accept(partition, ())
        full = frozenset(p for p, t in self._trackers.items() if self._is_full(p, t))
        consumer.pause(full)
        self._meter.in_flight(self._sync, self.in_flight)
        now = self._clock.monotonic()
        if full or now >= self._next_commit:
            self._next_commit = now + self._policy.commit_seconds
            await self._commit(consumer)
        if now >= self._next_lag:
            self._next_lag = now + self._policy.lag_seconds
            try:
                lag = await consumer.lag()
            except RetryableError as error:  # only a figure: no reason to leave the group
                self._meter.consume_error(self._sync, error.kind)
                return
            self._behind = sum(lag.values()) if self._trackers else -1
            self._meter.consumer_lag(self._sync, lag)
            self._refuse_stall(lag, now)

    def _refuse_stall(self, lag: Mapping[Partition, int], now: float) -> None:
        """Give up a client that reads nothing on; a new one goes on from the commit."""
        for partition, tracker in self._trackers.items():
            waits = partition in self._held or not tracker.in_flight
            due = bool(lag.get(partition)) and waits and partition not in self._accepting
            if self._stall.is_stalled(partition, tracker.position, should_move=due, now=now):
                raise RetryableError("a partition is not read on", kind="stalled")

    async def _handle(self, consumer: Consumer, event: ConsumerEvent) -> None:
        match event:
            case Messages(partition, messages):
                await self._accept(partition, messages)
            case Assigned(starts, ends, topic_partitions):
                self._topic_partitions = topic_partitions
                if self._stopped:  # the client works again
                    self._stopped = False
                    self._meter.sync_state(self._sync, "running", "")
                for partition, start in starts.items():
                    self._assign(partition, start, ends[partition])
            case Revoked(partitions, lost):
                await self._revoke(consumer, partitions, lost=lost)
            case _ as never:
                assert_never(never)
        # Each process may send in proportion to its partitions: the sum is the limit.
        if self._topic_partitions:
            self._deliver.owns(len(self._trackers) / self._topic_partitions)
        self._meter.assigned_partitions(self._sync, len(self._trackers))

    def _assign(self, partition: Partition, start: int, end: int) -> None:
        self._attempt = 0
        tracker = OffsetTracker(start)
        self._trackers[partition] = tracker
        hold = start < end
        if hold:
            self._held[partition] = _Held(end, self._window)
        self._deliver.assigned(partition, tracker, hold=hold)

    async def _accept(self, partition: Partition, messages: Sequence[Message]) -> None:
        tracker = self._trackers.get(partition)
        if tracker is None:
            return  # revoked while these were on their way: their next owner reads them
        if not await self._has_accepted(partition):
            self._surplus.setdefault(partition, []).extend(messages)
            return
        # No more than a hold covers may be read again after a crash: what came beyond waits here
        # until offsets are saved, also while one call behind the others is tried for ever.
        waiting = [*self._surplus.pop(partition, ()), *messages]
        room = self._window - tracker.unsaved
        messages, surplus = waiting[:room], waiting[room:]
        if surplus:
            self._surplus[partition] = surplus
        if not messages:
            return
        tracker.consumed(message.offset for message in messages)
        self._meter.consumed(self._sync, len(messages))
        if partition in self._held:
            self._held[partition].rows_left -= len(messages)
        task = asyncio.create_task(self._deliver.accept(messages, tracker), name="accept")
        self._accepting[partition] = task
        await asyncio.wait({task}, timeout=self._policy.patience_seconds)
        await self._has_accepted(partition)

    async def _has_accepted(self, partition: Partition) -> bool:
        """Say whether what was handed on last is taken; the round goes on while it waits."""
        task = self._accepting.get(partition)
        if task is None:
            return True
        if not task.done():
            return False
        del self._accepting[partition]
        await task
        held, tracker = self._held.get(partition), self._trackers[partition]
        if held and (held.rows_left <= 0 or tracker.position >= held.until_offset):
            del self._held[partition]
            self._deliver.release(partition)
        return True

    def _is_full(self, partition: Partition, tracker: OffsetTracker) -> bool:
        if partition in self._accepting or partition in self._surplus:
            return True
        # A held partition must be read on to the end of its window, or it would wait for ever.
        if partition in self._held:
            return False
        return tracker.unsaved >= self._policy.max_in_flight_rows

    async def _revoke(
        self, consumer: Consumer, partitions: frozenset[Partition], *, lost: bool
    ) -> None:
        ours = {p: t for p, t in self._trackers.items() if p in partitions}
        await self._deliver.let_go(partitions, 0.0 if lost else self._policy.release_seconds)
        self._drop(partitions)
        if not lost:
            consumer.release({p: t.committable for p, t in ours.items()})

    def _drop(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._trackers.pop(partition, None)
            self._held.pop(partition, None)
            self._surplus.pop(partition, None)
            if (task := self._accepting.pop(partition, None)) is not None:
                task.cancel()
            self._committed.pop(partition, None)
            self._stall.forget(partition)

    async def _commit(self, consumer: Consumer) -> None:
        """Commit every prefix that grew; a failure is tried again with the next commit."""
        grown = {
            p: t.committable
            for p, t in self._trackers.items()
            if t.committable > self._committed.get(p, -1)
        }
        if not grown:
            return
        try:
            await consumer.commit(grown)
        except RetryableError as error:
            self._meter.consume_error(self._sync, error.kind)
        else:
            self._committed.update(grown)
            for partition, offset in grown.items():
                self._trackers[partition].saved(offset)

    async def _drain(self, consumer: Consumer) -> None:
        """Let calls that are out come back, save what they reached; take nothing new."""
        consumer.pause(frozenset(self._trackers))
        await self._deliver.let_go(frozenset(self._trackers), self._policy.drain_seconds)
        await self._commit(consumer)
        self._meter.in_flight(self._sync, self.in_flight)
        self._drop(frozenset(self._trackers))
