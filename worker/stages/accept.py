"""Accept: messages come in; what can be sent goes on, what never can has its outcome here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from connectors.records import (
    Item,
    Message,
    Partition,
    Rejected,
    Skipped,
    SkipReason,
    Verdict,
)
from worker.clock import Clock, StoppingError
from worker.rules.batching import Entry
from worker.rules.epochs import Epochs
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import Reject

T = TypeVar("T")
HandOn = Callable[[Item, Message], None]

ROWS_PER_BREATH = 32
SUPERSEDED = Skipped(SkipReason.SUPERSEDED)


class Interpreter(Protocol):
    """Turns messages into items."""

    async def learn(self, messages: Sequence[Message]) -> None: ...
    def item(self, message: Message) -> Item | Skipped | Rejected: ...
    def changed_at_ns(self, message: Message) -> int: ...


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T: ...


class Share(Protocol):
    """An account of rejects."""

    def passes(self, rows: int, rejected: int) -> bool: ...


class Bury(Protocol):
    """What becomes of rejected rows."""

    def share(self) -> Share: ...
    async def stop_sync(self) -> None: ...
    async def bury(self, rejects: Sequence[Reject]) -> None: ...


class AcceptMeter(Protocol):
    """What is counted here."""

    def outcome(self, sync: str, verdict: Verdict, rows: int) -> None: ...
    def given_back(self, sync: str, rows: int) -> None: ...


class AcceptStage:
    """Takes in the messages of one sync."""

    def __init__(
        self,
        sync: str,
        interpret: Interpreter,
        bury: Bury,
        persist: Patience,
        *,
        clock: Clock,
        meter: AcceptMeter,
    ) -> None:
        self._sync = sync
        self._interpret = interpret
        self._bury = bury
        self._persist = persist
        self._clock = clock
        self._meter = meter
        self._share = bury.share()
        self._epochs = Epochs()

    def assigned(self, partition: Partition) -> None:
        """Read a partition from an earlier offset from now on."""
        self._epochs.begin(partition)

    async def accept(
        self, messages: Sequence[Message], tracker: OffsetTracker, send: Callable[[Entry], None]
    ) -> None:
        """Hand on what can be sent; the rest has its outcome when this returns.

        Waits as long as their schema can't be had or lacks a mapped column, and while too many of
        them are rejected; returns early, leaving them without an outcome, when the process stops.
        """
        left = len(messages)

        def hand_on(item: Item, message: Message) -> None:
            nonlocal left
            send(self._entry(item, message, tracker))
            left -= 1

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
                    hand_on(item, message)
                else:
                    settled.append((message, item))
            await self._settle(settled, len(messages), tracker, hand_on)
        except StoppingError:
            return
        except asyncio.CancelledError:
            # Their partition went while they waited here: its next owner reads them.
            tracker.give_back(left)
            self._meter.given_back(self._sync, left)
            raise

    def _entry(self, item: Item, message: Message, tracker: OffsetTracker) -> Entry:
        changed_at = self._interpret.changed_at_ns(message)
        covers = [(tracker, message.offset)]
        return Entry(item, message, covers, changed_at, self._clock.monotonic())

    async def _settle(
        self,
        settled: Sequence[tuple[Message, Skipped | Rejected]],
        rows: int,
        tracker: OffsetTracker,
        hand_on: HandOn,
    ) -> None:
        rejects = [Reject(m, v, 0) for m, v in settled if isinstance(v, Rejected)]
        while not self._share.passes(rows, len(rejects)):
            await self._bury.stop_sync()
            # A registry may know their schema by now.
            settled = await self._again(settled, hand_on)
            rejects = [Reject(m, v, 0) for m, v in settled if isinstance(v, Rejected)]
        await self._bury.bury(rejects)
        for message, verdict in settled:
            tracker.ack(message.offset)
            self._meter.outcome(self._sync, verdict, 1)

    async def _again(
        self,
        settled: Sequence[tuple[Message, Skipped | Rejected]],
        hand_on: HandOn,
    ) -> list[tuple[Message, Skipped | Rejected]]:
        """Interpret rejected messages once more; send those that can be sent now."""
        rejected = [m for m, v in settled if isinstance(v, Rejected)]
        await self._persist.until_done(lambda: self._interpret.learn(rejected))
        found: list[tuple[Message, Skipped | Rejected]] = []
        for message, verdict in settled:
            item = self._interpret.item(message) if isinstance(verdict, Rejected) else verdict
            if isinstance(item, Item):
                hand_on(item, message)
            else:
                found.append((message, item))
        return found
