"""An exist stage whose project of profiles, pace and way out remember what was asked of them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from connectors.errors import ConnectorError
from connectors.ports import DirectoryLimits
from connectors.records import Item, Partition, Rejected
from tests.delivering_meter import CountingMeter
from tests.fakes import P0, FakeClock, FakeDeadLetters, FakeInterpreter, message, turns
from worker.rules.asking import AskingPolicy
from worker.rules.batching import Entry
from worker.rules.existence import ExistencePolicy
from worker.rules.offsets import OffsetTracker
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.stages.ask import AskStage
from worker.stages.bury import BuryStage
from worker.stages.exist import ExistPolicy, ExistStage
from worker.stages.persist import PersistPolicy, PersistStage

SYNC = "people-to-iterable"
OLD = 3_600.0


class FakeDirectory:
    """A project of profiles; with `hold` a look-up is answered when the test says so."""

    def __init__(self, *profiles: str, hold: bool = False) -> None:
        self.profiles = set(profiles)
        self.exported: Sequence[str] | None = None  # what the export says, if not the truth
        self.hold = hold
        self.looked_up: list[str] = []
        self.exports = 0
        self.export_gate: asyncio.Event | None = None
        self.failures: list[ConnectorError] = []
        self.export_failures: list[ConnectorError] = []
        self.out: list[tuple[str, asyncio.Future[None]]] = []
        self.closed = False
        self.limits = DirectoryLimits(100.0, 4.0)

    async def export(self) -> AsyncIterator[Sequence[str]]:
        self.exports += 1
        found = sorted(self.profiles) if self.exported is None else self.exported
        if self.export_gate is not None:
            await self.export_gate.wait()
        yield found[: len(found) // 2]
        if self.export_failures:
            raise self.export_failures.pop(0)
        yield found[len(found) // 2 :]

    async def exists(self, identity: str) -> bool:
        self.looked_up.append(identity)
        if self.failures:
            raise self.failures.pop(0)
        found = identity in self.profiles
        if self.hold:
            gate = asyncio.get_running_loop().create_future()
            self.out.append((identity, gate))
            await gate
        return found

    async def close(self) -> None:
        self.closed = True


class FreePace:
    """Every look-up may leave at once; 429s are noted."""

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    async def permit(self, sync: str) -> None:  # noqa: ARG002  # the port
        return

    def throttled(self, retry_after_seconds: float | None) -> None:
        self.waits.append(retry_after_seconds)


class Meter(CountingMeter):
    """Counts what the existence stages report."""

    def __init__(self) -> None:
        super().__init__()
        self.look_ups: Counter[str] = Counter()
        self.exports: Counter[str] = Counter()
        self.indexed: list[int] = []

    def look_up(self, _: str, result: str) -> None:
        self.look_ups[result] += 1

    def export(self, _: str, result: str) -> None:
        self.exports[result] += 1

    def existence(self, _: str, identifiers: int, began: float) -> None:
        assert began > 0
        self.indexed.append(identifiers)


class Out:
    """What follows: it remembers what came, in order."""

    def __init__(self) -> None:
        self.sent: list[Entry] = []
        self.gone: list[Entry] = []
        self.refused: list[tuple[Entry, Rejected]] = []

    def send(self, entry: Entry) -> None:
        self.sent.append(entry)

    def absent(self, entries: Sequence[Entry]) -> None:
        self.gone.extend(entries)

    def rejected(self, entry: Entry, verdict: Rejected) -> None:
        self.refused.append((entry, verdict))


class ExistDesk:
    """The stages that find out who exists, on stand-ins."""

    def __init__(
        self,
        directory: FakeDirectory,
        asking: AskingPolicy | None = None,
        index: ExistencePolicy | None = None,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self.directory, self.clock, self.meter, self.out = directory, FakeClock(), Meter(), Out()
        self.pace = FreePace()
        persist = PersistStage(
            SYNC, PersistPolicy(), clock=self.clock, dice=random.Random(7), meter=self.meter
        )
        exports = RatePolicy(4 / 60, 0.25, pause_seconds=20.0)
        self.dead_letters = FakeDeadLetters()
        bury = BuryStage(SYNC, limit or DeadLetterLimit(), self.dead_letters, persist)
        ask = AskStage(
            SYNC, directory, self.pace, exports, persist, bury, clock=self.clock, meter=self.meter
        )
        policy = ExistPolicy(asking or AskingPolicy(), index or ExistencePolicy(proofs=0))
        self.exist = ExistStage(SYNC, policy, ask, clock=self.clock, meter=self.meter)
        self.offset = 0

    def add(self, name: str, partition: Partition = P0, age_seconds: float = OLD) -> Entry:
        """Let a row come that was written so long ago."""
        written_ms = int((self.clock.now() - age_seconds) * 1000)
        plain = message(name, self.offset, self.offset, partition)
        one = plain.__class__(
            partition, plain.offset, plain.key, plain.value, plain.headers, written_ms
        )
        item = FakeInterpreter().item(one)
        assert isinstance(item, Item)
        made = Entry(item, one, [(OffsetTracker(0), self.offset)], self.offset, 0.0)
        self.offset += 1
        self.exist.add(made)
        return made

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Out]:
        task = asyncio.create_task(self.exist.run(self.out))
        try:
            yield self.out
        finally:
            self.clock.stop()
            self.exist.drop(frozenset())  # a nudge: it looks at the clock only now and then
            await asyncio.wait_for(task, 5)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let the stages run until it is so."""
        for _ in range(4_000):
            if done():
                return
            await turns(1)
        raise AssertionError("it never came to be so")

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """Who was sent and who was absent."""
        sent, gone = ([e.item.identity for e in es] for es in (self.out.sent, self.out.gone))
        return sent, gone


def of_rows(entries: Sequence[Entry]) -> list[int]:
    return [offset for entry in entries for _, offset in entry.covers]
