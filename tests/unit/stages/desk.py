"""A sync's stages put together on stand-ins, for one test."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping

from connectors.ports import Assigned, Messages
from connectors.records import Item, Message, Partition
from tests.delivering_meter import CountingMeter
from tests.fakes import (
    P0,
    FakeClock,
    FakeConsumer,
    FakeDeadLetters,
    FakeDestination,
    FakeInterpreter,
    turns,
)
from worker.rules.batching import BatchPolicy, Entry
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.turns import Turns
from worker.stages.accept import AcceptStage
from worker.stages.bury import BuryStage
from worker.stages.consume import ConsumePolicy, ConsumeStage
from worker.stages.deliver import DeliverPolicy, DeliverStage
from worker.stages.judge import JudgePolicy, JudgeStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistPolicy, PersistStage
from worker.stages.send import SendStage

SYNC = "people-to-iterable"
FAST = RatePolicy(1_000.0)


class Desk:
    """Every stage of a sync, and every stand-in around them, within reach."""

    def __init__(
        self,
        *,
        batch: BatchPolicy | None = None,
        consume: ConsumePolicy | None = None,
        limit: DeadLetterLimit | None = None,
        rate: RatePolicy = FAST,
        max_calls: int = 6,
    ) -> None:
        self.clock = FakeClock()
        self.meter = CountingMeter()
        self.destination = FakeDestination()
        self.dead_letters = FakeDeadLetters()
        self.interpreter = FakeInterpreter()
        self.consumers: list[FakeConsumer] = []
        self.committed: dict[Partition, int] = {}
        self.on_commit: Callable[[Mapping[Partition, int]], None] = lambda _: None
        dice = random.Random(7)
        self.persist = PersistStage(
            SYNC, PersistPolicy(), clock=self.clock, dice=dice, meter=self.meter
        )
        self.pace = PaceStage(rate, Turns(15.0), self.clock)
        self.pace.has(SYNC, 2)
        self.pace.owns(SYNC, frozenset({0, 1}))
        limit = limit or DeadLetterLimit(max_share=1.0)
        self.send = SendStage(
            SYNC,
            self.destination,
            self.pace,
            self.persist,
            clock=self.clock,
            dice=dice,
            meter=self.meter,
        )
        self.bury = BuryStage(SYNC, limit, self.dead_letters, self.persist)
        self.accepting = AcceptStage(
            SYNC,
            self.interpreter,
            self.bury,
            self.persist,
            clock=self.clock,
            meter=self.meter,
        )
        self.deliver = DeliverStage(
            SYNC,
            DeliverPolicy(batch or BatchPolicy(linger_seconds=0.0), max_calls),
            self.accepting,
            self.send,
            JudgeStage(
                SYNC, JudgePolicy(), self.send, self.bury, clock=self.clock, meter=self.meter
            ),
            clock=self.clock,
            meter=self.meter,
        )
        self.consume = ConsumeStage(
            SYNC,
            consume or ConsumePolicy(commit_seconds=0.0),
            self._new_consumer,
            self.deliver,
            self.pace,
            clock=self.clock,
            dice=dice,
            meter=self.meter,
        )

    @property
    def consumer(self) -> FakeConsumer:
        """The consumer in use."""
        return self.consumers[-1]

    def _new_consumer(self) -> FakeConsumer:
        self.consumers.append(FakeConsumer(self.committed))
        self.consumer.on_commit = self.on_commit
        return self.consumers[-1]

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Deliver as long as the block lasts."""
        task = asyncio.create_task(self.deliver.run())
        try:
            yield
        finally:
            await cancel(task)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume and deliver as long as the block lasts."""
        async with self.sending():
            task = asyncio.create_task(self.consume.run())
            await turns()
            try:
                yield
            finally:
                await cancel(task)

    def assign(self, partition: Partition = P0, start: int = 0) -> OffsetTracker:
        """Give deliver a partition, nothing held."""
        tracker = OffsetTracker(start)
        self.deliver.assigned(partition, tracker, hold=False)
        return tracker

    async def accept(self, tracker: OffsetTracker, *messages: Message) -> None:
        """Consume messages of one partition, as the consume stage does."""
        tracker.consumed(one.offset for one in messages)
        await self.deliver.accept(messages, tracker)

    async def take(self, partition: Partition, start: int, end: int) -> None:
        """Let the group assign a partition."""
        self.consumer.tick(Assigned({partition: start}, {partition: end}))
        await turns()

    async def read(self, *messages: Message) -> None:
        """Let the group hand over messages of one partition."""
        self.consumer.tick(Messages(messages[0].partition, messages))
        await turns()

    async def round(self) -> None:
        """Let one round of polling pass with nothing in it."""
        self.consumer.tick()
        await turns()


async def cancel(task: asyncio.Task[None]) -> None:
    """End a task as a crash would: at once."""
    while not task.done():
        task.cancel()  # again: `wait_for` of 3.11 swallows one that comes together with a result
        await turns(2)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def entries(*messages: Message) -> list[Entry]:
    """Return rows as the batcher hands them on."""
    reader = FakeInterpreter()
    found: list[Entry] = []
    for one in messages:
        item = reader.item(one)
        assert isinstance(item, Item)
        found.append(Entry(item, one, [(OffsetTracker(one.offset), one.offset)], 0, 0.0))
    return found
