"""Stand-ins for the ports of the delivering half: they remember everything and fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import orjson

from connectors.errors import ConnectorError
from connectors.ports import Assigned, CallLimits, ConsumerEvent, GroupLag
from connectors.records import (
    Answer,
    DeadLetter,
    Delivered,
    Item,
    MappedRow,
    Message,
    Outcome,
    Partition,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
)

TOPIC = "hightide.model.people"
P0 = Partition(TOPIC, 0)
P1 = Partition(TOPIC, 1)


async def turns(count: int = 20) -> None:
    """Let every other task run on, `count` steps of it."""
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251  # no wait: it hands the loop to the others


class FakeClock:
    """Time that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.slept: list[float] = []
        self._stopping = False

    def now(self) -> float:
        return 1_800_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def breathe(self) -> None:
        await asyncio.sleep(0)  # noqa: TID251  # not a wait

    async def sleep(self, seconds: float) -> None:
        if not self._stopping:
            self.slept.append(seconds)
            self.seconds += max(0.0, seconds)
        await turns(1)

    def stopping(self) -> bool:
        return self._stopping

    def stop(self) -> None:
        """Ask the process to stop."""
        self._stopping = True


def message(
    identity: str, version: int, offset: int, partition: Partition = P0, kind: str = "good"
) -> Message:
    """Return one version of a profile as it stands in the topic; `kind` decides its fate."""
    value = orjson.dumps({"id": identity, "version": version, "kind": kind})
    return Message(partition, offset, identity.encode(), value, [])


def version_of(item: Item) -> int:
    """Return which version of its profile an item is."""
    return int(orjson.loads(item.body)["version"])


def kind_of(item: Item) -> str:
    """Return the kind that `message` gave the row."""
    return str(orjson.loads(item.body)["kind"])


def versions(items: Sequence[Item]) -> list[str]:
    """Return `A1`, `B2`: who, and which version."""
    return [f"{item.identity}{version_of(item)}" for item in items]


class FakeInterpreter:
    """Reads what `message` wrote; raises `failure` as long as there is one."""

    def __init__(self) -> None:
        self.failure: ConnectorError | None = None

    async def learn(self, _: Sequence[Message]) -> None:
        if self.failure is not None:
            raise self.failure

    def item(self, message: Message) -> Item | Skipped | Rejected:
        fields = orjson.loads(message.value or b"{}")
        if fields["kind"] == "undecodable":
            return Rejected(RejectReason.UNDECODABLE)
        if fields["kind"] == "deleted":
            return Skipped(SkipReason.DELETED)
        return Item(str(fields["id"]), message.value or b"", str(fields["id"]))

    def changed_at_ns(self, message: Message) -> int:
        return int(orjson.loads(message.value or b"{}")["version"])


Judge = Callable[[Sequence[Item]], Sequence[Outcome]]


def all_delivered(items: Sequence[Item]) -> Sequence[Outcome]:
    """Answer that every row was taken."""
    return [Delivered() for _ in items]


class FakeDestination:
    """Answers with a function; with `hold`, only once the test lets each call's answer through."""

    def __init__(self, answer: Judge = all_delivered, *, hold: bool = False) -> None:
        self.answer = answer
        self.hold = hold
        self.calls: list[Sequence[Item]] = []
        self.out: list[asyncio.Future[ConnectorError | None]] = []
        self.limits = CallLimits("/bulk", 5.0, 1_000, 3_500_000)
        self.closed = False
        self.fields = (0, 0)

    async def probe(self) -> None:
        return

    removes = False

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | None:  # noqa: ARG002  # the port
        return Item(row.identity, orjson.dumps(row.fields), row.identity) if row.identity else None

    async def deliver(self, items: Sequence[Item]) -> Answer:
        self.calls.append(items)
        result: Sequence[Outcome] | ConnectorError
        try:
            result = self.answer(items)
        except ConnectorError as error:
            result = error
        if self.hold:
            gate: asyncio.Future[ConnectorError | None] = asyncio.get_running_loop().create_future()
            self.out.append(gate)
            if (lost := await gate) is not None:
                raise lost
        if isinstance(result, ConnectorError):
            raise result
        return Answer(result, *self.fields)

    def let_through(self, number: int = 0, lost: ConnectorError | None = None) -> None:
        """Let a held answer through; with `lost` the row was applied but the answer never came."""
        gate = self.out.pop(number)
        if not gate.done():
            gate.set_result(lost)

    async def close(self) -> None:
        self.closed = True


class FakeDeadLetters:
    """Holds letters; raises `failure` as long as there is one."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.failure: ConnectorError | None = None
        self.attempts = 0

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        self.attempts += 1
        if self.failure is not None:
            raise self.failure
        self.letters += letters

    async def close(self) -> None:
        return


class FakeConsumer:
    """Hands out the events a test puts in, one round per `tick`; keeps what was committed."""

    def __init__(self, committed: dict[Partition, int] | None = None) -> None:
        self.committed = {} if committed is None else committed
        self.events: list[ConsumerEvent] = []
        self.paused: frozenset[Partition] = frozenset()
        self.released: list[Mapping[Partition, int]] = []
        self.failure: ConnectorError | None = None
        self.commit_failure: ConnectorError | None = None
        self.on_commit: Callable[[Mapping[Partition, int]], None] = lambda _: None
        self.behind = 0
        self.group_note = self.note = ""
        self.topic_partitions = 2
        self.closed = False
        self._ticks = asyncio.Semaphore(0)

    def tick(self, *events: ConsumerEvent) -> None:
        """Let one more round of polling happen, with these events."""
        self.events += events
        for event in events:
            if isinstance(event, Assigned):
                self.topic_partitions = event.topic_partitions or self.topic_partitions
        self._ticks.release()

    async def poll(self, timeout_seconds: float) -> Sequence[ConsumerEvent]:
        assert timeout_seconds > 0
        await self._ticks.acquire()
        if self.failure is not None:
            raise self.failure
        found, self.events = self.events, []
        return found

    def pause(self, partitions: frozenset[Partition]) -> None:
        self.paused = partitions

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        if self.commit_failure is not None:
            raise self.commit_failure
        self.on_commit(next_offsets)
        self.committed.update(next_offsets)

    def release(self, next_offsets: Mapping[Partition, int]) -> None:
        self.on_commit(next_offsets)
        self.committed.update(next_offsets)
        self.released.append(next_offsets)

    async def lag(self) -> GroupLag:
        others = range(1, self.topic_partitions)
        rows = {P0: self.behind} | {Partition(P0.topic, n): 0 for n in others}
        return GroupLag(rows, self.group_note)

    def annotate(self, note: str) -> None:
        self.note = note

    async def close(self) -> None:
        self.closed = True
