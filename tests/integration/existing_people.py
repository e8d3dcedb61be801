"""An update by e-mail on an Iterable that enforces its limits: every stage of it but the broker."""

from __future__ import annotations

import asyncio
import contextlib
import random
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from connectors.iterable.client import IterableClient
from connectors.iterable.directory import IterableDirectory
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.records import Item, MappedRow, Message, Partition, Rejected, Skipped
from tests.closing import closed_after
from tests.fakes import FakeDeadLetters
from tests.stand_ins import StandIn
from worker.clock import SystemClock
from worker.observe.meter import Meter
from worker.rules.batching import BatchPolicy
from worker.rules.mqr import MqrPolicy
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.turns import Turns
from worker.stages.accept import AcceptStage
from worker.stages.ask import AskStage
from worker.stages.bury import BuryStage
from worker.stages.deliver import DeliverPolicy, DeliverStage
from worker.stages.exist import ExistPolicy, ExistStage
from worker.stages.judge import JudgePolicy, JudgeStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistPolicy, PersistStage
from worker.stages.send import SendStage

SYNC = "people"
PARTITION = Partition("hightide.model.people", 0)
LONG_AGO_SECONDS = 3_600.0


class MovedClock(SystemClock):
    """The system's clock, of which a test can let an hour pass."""

    moved_seconds = 0.0

    def now(self) -> float:
        return super().now() + self.moved_seconds


class EmailRows:
    """Turns the messages of `Sync` into items."""

    def __init__(self, users: IterableUsers) -> None:
        self._users = users

    async def learn(self, _: Sequence[Message]) -> None:
        return

    def item(self, message: Message) -> Item | Skipped | Rejected:
        item = self._users.encode(MappedRow(message.key.decode(), {"n": message.offset}), b"")
        assert isinstance(item, Item)
        return item

    def changed_at_ns(self, message: Message) -> int:
        return message.offset


@dataclass
class Sync:
    """The stages of a sync that updates by e-mail, at work."""

    iterable: StandIn
    clock: MovedClock
    meter: Meter
    exist: ExistStage
    deliver: DeliverStage
    tracker: OffsetTracker = field(default_factory=lambda: OffsetTracker(0))
    offset: int = 0

    async def read(self, names: Iterable[str], age_seconds: float) -> None:
        """Let rows come that were written to the topic so long ago."""
        written_ms = int((self.clock.now() - age_seconds) * 1000)
        messages = [
            Message(PARTITION, self.offset + n, name.encode(), b"", [], written_ms)
            for n, name in enumerate(names)
        ]
        self.offset += len(messages)
        self.tracker.consumed(message.offset for message in messages)
        await self.deliver.accept(messages, self.tracker)

    async def settled(self, seconds: float) -> None:
        """Wait until every row has its outcome."""
        async with asyncio.timeout(seconds):
            while self.tracker.in_flight:
                await self.clock.sleep(0.05)

    def outcomes(self) -> dict[str, int]:
        """How many rows came to what."""
        counts = self.meter.counts
        return {name: counts.get(name, 0) for name in ("delivered", "skipped", "rejected")}

    async def calls(self) -> Counter[str]:
        """How often each endpoint was called; one that was refused counts as `429`."""
        lines = await asyncio.to_thread(_read, f"{self.iterable.url}/_sandbox/journal")
        entries = [orjson.loads(line) for line in lines.splitlines()]
        return Counter("429" if e["status"] == 429 else str(e["path"]) for e in entries)

    async def profiles(self) -> set[str]:
        """Who is in the project."""
        lines = await asyncio.to_thread(_read, f"{self.iterable.url}/_sandbox/profiles")
        return {str(orjson.loads(line)["email"]) for line in lines.splitlines()}


@contextlib.asynccontextmanager
async def running_sync(iterable: StandIn) -> AsyncIterator[Sync]:
    """Put the stages together as a worker does, and let them run as long as the context lasts."""
    stop = asyncio.Event()
    clock, dice, meter = MovedClock(stop), random.Random(7), Meter([], [SYNC], MqrPolicy())
    users = IterableUsers(_client(iterable), UsersPolicy("update", "email", "email", "index"))
    directory = IterableDirectory(_client(iterable), "email")
    persist = PersistStage(SYNC, PersistPolicy(), clock=clock, dice=dice, meter=meter)
    pace = PaceStage(RatePolicy(5.0), Turns(15.0), clock)
    pace.has(SYNC, 1)
    pace.owns(SYNC, frozenset({0}))
    bury = BuryStage(SYNC, DeadLetterLimit(), FakeDeadLetters(), persist)
    ask = AskStage(
        SYNC,
        directory,
        pace.beside(RatePolicy(directory.limits.look_ups_per_second)),
        RatePolicy(directory.limits.exports_per_minute / 60, 0.25),
        persist,
        bury,
        clock=clock,
        meter=meter,
    )
    exist = ExistStage(SYNC, ExistPolicy(), ask, clock=clock, meter=meter)
    send = SendStage(SYNC, users, pace, persist, clock=clock, dice=dice, meter=meter)
    deliver = DeliverStage(
        SYNC,
        DeliverPolicy(BatchPolicy()),
        AcceptStage(SYNC, EmailRows(users), bury, persist, clock=clock, meter=meter),
        send,
        JudgeStage(SYNC, JudgePolicy(), send, bury, clock=clock, meter=meter),
        clock=clock,
        meter=meter,
        entrance=exist,
    )
    made = Sync(iterable, clock, meter, exist, deliver)
    deliver.assigned(PARTITION, made.tracker, hold=False)
    async with closed_after(users), closed_after(exist), asyncio.TaskGroup() as tasks:
        tasks.create_task(deliver.run())
        tasks.create_task(exist.run(deliver))
        try:
            yield made
        finally:
            stop.set()


def _client(iterable: StandIn) -> IterableClient:
    return IterableClient(iterable.url, lambda: iterable.ready["api_key"])


def _read(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body
