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
from worker.rules.intake import InFlightPolicy, Intake, full_partitions, grown, of_first
from worker.rules.offsets import OffsetTracker
from worker.rules.stall import StallWatch


class Deliverer(Protocol):
    """The next stage, as consume sees it."""

    def assigned(self, partition: Partition, tracker: OffsetTracker, *, hold: bool) -> None: ...
    def release(self, partition: Partition) -> None: ...
    async def accept(self, messages: Sequence[Message], tracker: OffsetTracker) -> None: ...
    async def let_go(self, partitions: frozenset[Partition], within_seconds: float) -> None: ...


class Pace(Protocol):
    """Whose turn it is to call: every process takes the turns of its partitions."""

    def has(self, sync: str, partitions: int) -> None: ...
    def owns(self, sync: str, partitions: frozenset[int]) -> None: ...
    def learn(self, sync: str, lag: Mapping[int, int], note: str) -> None: ...
    def note(self, sync: str) -> str: ...


class ConsumeMeter(Protocol):
    """What is counted here."""

    def consumed(self, sync: str, rows: int) -> None: ...
    def in_flight(self, sync: str, rows: Callable[[], int]) -> None: ...
    def consumer_lag(self, sync: str, lag: Mapping[Partition, int]) -> None: ...
    def assigned_partitions(self, sync: str, partitions: int) -> None: ...
    def consume_error(self, sync: str, kind: str) -> None: ...
    def sync_state(self, sync: str, state: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ConsumePolicy:
    """How much may be in flight, and how often offsets are saved."""

    in_flight: InFlightPolicy = field(default_factory=InFlightPolicy)
    commit_seconds: float = 1.0
    lag_seconds: float = 5.0
    release_seconds: float = 6.0
    drain_seconds: float = 15.0
    stall_seconds: float = 60.0
    probe_seconds: float = 30.0
    patience_seconds: float = 1.0
    backoff: BackoffPolicy = field(default_factory=lambda: BackoffPolicy(1.0, 15.0))


class ConsumeStage:
    """One member of one sync's group, for as long as the process lives."""

    def __init__(
        self,
        sync: str,
        policy: ConsumePolicy,
        new_consumer: Callable[[], Consumer],
        deliver: Deliverer,
        pace: Pace,
        *,
        clock: Clock,
        dice: random.Random,
        meter: ConsumeMeter,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._new_consumer = new_consumer
        self._deliver = deliver
        self._pace = pace
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._owned: dict[Partition, Intake] = {}
        self._accepting: dict[Partition, asyncio.Task[None]] = {}
        # Of partitions that are not ours any more: calls that are out when they go come back later.
        self._leaving: list[OffsetTracker] = []
        self._stall = StallWatch(policy.stall_seconds)
        self._attempt = 0
        self._next_commit = self._next_lag = 0.0
        self._stopped = False
        self._behind = -1  # not looked at yet
        self._paused: frozenset[Partition] = frozenset()
        meter.in_flight(sync, lambda: self.in_flight)

    @property
    def in_flight(self) -> int:
        """Messages consumed that have no outcome yet."""
        self._leaving = [tracker for tracker in self._leaving if tracker.in_flight]
        trackers = [*self._leaving, *(intake.tracker for intake in self._owned.values())]
        return sum(tracker.in_flight for tracker in trackers)

    @property
    def idle(self) -> bool:
        """Whether, when last looked at, every message of our partitions had its outcome."""
        return bool(self._owned) and self.in_flight == 0 and self._behind == 0

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
            await self._let_go(frozenset(self._owned), 0.0)
            return error
        finally:
            await consumer.close()
        return None

    async def _round(self, consumer: Consumer) -> None:
        for event in await consumer.poll(timeout_seconds=0.1):
            await self._handle(consumer, event)
        for partition in [p for p, intake in self._owned.items() if self._waits(p, intake)]:
            await self._accept(partition, ())
        busy = frozenset(self._accepting)
        full = busy | full_partitions(self._owned, self._policy.in_flight)
        self._paused = full
        consumer.pause(full)
        now = self._clock.monotonic()
        # Before a commit: of a partition that is new to us it would wipe out the note beside it.
        if now >= self._next_lag:
            self._next_lag = now + self._policy.lag_seconds
            await self._look_at_lag(consumer, now)
        if full or now >= self._next_commit:
            self._next_commit = now + self._policy.commit_seconds
            await self._commit(consumer, grown(self._owned))

    async def _look_at_lag(self, consumer: Consumer, now: float) -> None:
        try:
            group = await consumer.lag()
        except RetryableError as error:  # only a figure: no reason to leave the group
            self._meter.consume_error(self._sync, error.kind)
            return
        ours = {p: rows for p, rows in group.rows.items() if p in self._owned}
        self._behind = sum(ours.values()) if self._owned else -1
        self._meter.consumer_lag(self._sync, ours)
        self._pace.has(self._sync, len(group.rows))
        self._pace.learn(self._sync, {p.number: n for p, n in group.rows.items()}, group.note)
        note = self._pace.note(self._sync)
        consumer.annotate(note or group.note)
        if note:  # also when nothing moves the others must find it
            await self._commit(consumer, of_first(self._owned))
        self._refuse_stall(ours, now)

    def _refuse_stall(self, lag: Mapping[Partition, int], now: float) -> None:
        """Give up a client that reads nothing on; a new one goes on from the commit."""
        for partition, intake in self._owned.items():
            tracker = intake.tracker
            waits = intake.hold is not None or not tracker.in_flight
            due = bool(lag.get(partition)) and waits and partition not in self._paused
            if self._stall.is_stalled(partition, tracker.position, should_move=due, now=now):
                raise RetryableError("a partition is not read on", kind="stalled")

    async def _handle(self, consumer: Consumer, event: ConsumerEvent) -> None:
        match event:
            case Messages(partition, messages):
                await self._accept(partition, messages)
            case Assigned(starts, ends, topic_partitions):
                self._pace.has(self._sync, topic_partitions)
                if self._stopped:  # the client works again
                    self._stopped = False
                    self._meter.sync_state(self._sync, "running", "")
                await self._stop_taking_in(frozenset(starts))
                for partition, start in starts.items():
                    self._assign(partition, start, ends[partition])
            case Revoked(partitions, lost):
                await self._revoke(consumer, partitions, lost=lost)
            case _ as never:
                assert_never(never)
        self._tell_turns()
        self._meter.assigned_partitions(self._sync, len(self._owned))

    def _assign(self, partition: Partition, start: int, end: int) -> None:
        self._attempt = 0
        self._next_lag = 0.0
        self._drop(frozenset({partition}))
        intake = Intake.starting(start, end, self._policy.in_flight.window)
        self._owned[partition] = intake
        self._deliver.assigned(partition, intake.tracker, hold=intake.hold is not None)

    async def _accept(self, partition: Partition, messages: Sequence[Message]) -> None:
        intake = self._owned.get(partition)
        if intake is None:
            return  # revoked while these were on their way: their next owner reads them
        if not await self._has_accepted(partition, intake):
            intake.wait(messages)
            return
        taken = intake.take(messages)
        if not taken:
            return
        self._meter.consumed(self._sync, len(taken))
        task = asyncio.create_task(self._deliver.accept(taken, intake.tracker), name="accept")
        self._accepting[partition] = task
        await asyncio.wait({task}, timeout=self._policy.patience_seconds)
        await self._has_accepted(partition, intake)

    async def _has_accepted(self, partition: Partition, intake: Intake) -> bool:
        """Say whether what was handed on last is taken; the round goes on while it waits."""
        task = self._accepting.get(partition)
        if task is None:
            return True
        if not task.done():
            return False
        del self._accepting[partition]
        await task
        if intake.ends_hold():
            self._deliver.release(partition)
        return True

    def _waits(self, partition: Partition, intake: Intake) -> bool:
        return partition in self._accepting or bool(intake.surplus)

    async def _revoke(
        self, consumer: Consumer, partitions: frozenset[Partition], *, lost: bool
    ) -> None:
        ours = {p: intake.tracker for p, intake in self._owned.items() if p in partitions}
        await self._let_go(partitions, 0.0 if lost else self._policy.release_seconds)
        if not lost:
            consumer.release({p: t.committable for p, t in ours.items()})

    async def _let_go(self, partitions: frozenset[Partition], within_seconds: float) -> None:
        """Give partitions up: take in and send nothing more; calls that are out may come back."""
        await self._stop_taking_in(partitions)
        await self._deliver.let_go(partitions, within_seconds)
        self._drop(partitions)

    def _tell_turns(self) -> None:
        self._pace.owns(self._sync, frozenset(p.number for p in self._owned))

    async def _stop_taking_in(self, partitions: frozenset[Partition]) -> None:
        # Whoever still takes rows in would put them into a line that was emptied.
        taking = [t for p in partitions if (t := self._accepting.pop(p, None)) is not None]
        for task in taking:
            task.cancel()
        if taking:
            await asyncio.wait(taking)

    def _drop(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._stall.forget(partition)
            if (intake := self._owned.pop(partition, None)) is not None:
                self._leaving.append(intake.tracker)
        self._tell_turns()

    async def _commit(self, consumer: Consumer, offsets: Mapping[Partition, int]) -> None:
        """Commit prefixes; a failure is tried again with the next commit."""
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except RetryableError as error:
            self._meter.consume_error(self._sync, error.kind)
            return
        for partition, offset in offsets.items():
            if (intake := self._owned.get(partition)) is not None:
                intake.saved(offset)

    async def _drain(self, consumer: Consumer) -> None:
        """Let calls that are out come back, save what they reached; take nothing new."""
        ours = frozenset(self._owned)
        consumer.pause(ours)
        await self._stop_taking_in(ours)
        await self._deliver.let_go(ours, self._policy.drain_seconds)
        await self._commit(consumer, grown(self._owned))
        self._drop(ours)
