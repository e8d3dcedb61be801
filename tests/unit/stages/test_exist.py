"""Each row is sent or absent, once, in order for its profile, whatever is answered when."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError, ConnectorError, RetryableError, ThrottledError
from connectors.ports import DirectoryLimits
from connectors.records import Item, Partition
from tests.fakes import P0, P1, CountingMeter, FakeClock, FakeInterpreter, message, turns
from worker.rules.asking import AskingPolicy
from worker.rules.batching import Entry
from worker.rules.existence import ExistencePolicy
from worker.rules.offsets import OffsetTracker
from worker.rules.rate_limit import RatePolicy
from worker.stages.ask import AskStage
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

    def send(self, entry: Entry) -> None:
        self.sent.append(entry)

    def absent(self, entries: Sequence[Entry]) -> None:
        self.gone.extend(entries)


class ExistDesk:
    """The stages that find out who exists, on stand-ins."""

    def __init__(
        self,
        directory: FakeDirectory,
        asking: AskingPolicy | None = None,
        index: ExistencePolicy | None = None,
    ) -> None:
        self.directory, self.clock, self.meter, self.out = directory, FakeClock(), Meter(), Out()
        self.pace = FreePace()
        persist = PersistStage(
            SYNC, PersistPolicy(), clock=self.clock, dice=random.Random(7), meter=self.meter
        )
        exports = RatePolicy(4 / 60, 0.25, pause_seconds=20.0)
        ask = AskStage(
            SYNC, directory, self.pace, exports, persist, clock=self.clock, meter=self.meter
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


async def test_a_backlog_is_settled_by_one_export() -> None:
    """Not one look-up: whoever is not in it was absent after the row was written."""
    desk = ExistDesk(FakeDirectory("a", "b"), AskingPolicy())
    for name in "axby":
        desk.add(name)
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 4)

    assert (["a", "b"], ["x", "y"]) == desk.names
    assert (1, []) == (desk.directory.exports, desk.directory.looked_up)
    assert ([2], {"ok": 1}) == (desk.meter.indexed, desk.meter.exports)


async def test_a_row_younger_than_the_export_is_looked_up() -> None:
    """Its profile may be younger too; found it is sent, not found it is absent."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.add("a")
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))
        desk.directory.profiles.add("new")
        for name in ("new", "nobody"):
            desk.add(name, age_seconds=0.0)
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 3)
        assert (["a", "new"], ["nobody"]) == desk.names
        # What was found is known from now on.
        desk.add("new", age_seconds=0.0)
        await desk.until(lambda: desk.names == (["a", "new", "new"], ["nobody"]))

    assert ["new", "nobody"] == desk.directory.looked_up
    assert {"found": 1, "absent": 1} == desk.meter.look_ups


async def test_a_deleted_profile_is_not_sent_after_an_hour() -> None:
    """Sending would make it anew."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.add("a")
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))
        desk.directory.profiles.clear()
        desk.clock.seconds += 3_601.0
        desk.add("a", age_seconds=0.0)
        await desk.until(lambda: desk.names == (["a"], ["a"]))

    assert ["a"] == desk.directory.looked_up


async def test_while_a_row_is_looked_up_its_newer_version_waits() -> None:
    """Of `A0 A1 A2` A0 goes first, then A2 for both; never A0 after A2."""
    directory = FakeDirectory("A", hold=True)
    desk = ExistDesk(directory, AskingPolicy(exports=False))
    desk.add("A", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: len(directory.out) == 1)
        desk.add("A", age_seconds=0.0)
        desk.add("A", age_seconds=0.0)
        await turns(30)
        assert ([], 1) == (desk.out.sent, len(directory.out))
        directory.out.pop()[1].set_result(None)
        await desk.until(lambda: len(desk.out.sent) == 2)

    assert [[0], [1, 2]] == [of_rows([entry]) for entry in desk.out.sent]


async def test_an_export_that_lacks_profiles_makes_nobody_absent() -> None:
    """It ended early and said nothing: its first misses are looked up, and one is found."""
    directory = FakeDirectory(*(f"p{n}" for n in range(40)))
    directory.exported = ["p0", "p1"]
    desk = ExistDesk(directory, AskingPolicy(), ExistencePolicy(proofs=3))
    for n in range(40):
        desk.add(f"p{n}")
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 40)

    assert ([], 40) == (desk.out.gone, len(desk.out.sent))
    assert {"ok": 1, "incomplete": 1} == desk.meter.exports


async def test_after_its_proofs_an_export_is_believed() -> None:
    """Three look-ups that find nobody, and at most as many more as were under way."""
    asking = AskingPolicy(look_ups_at_once=2, look_ups_per_export=50)
    desk = ExistDesk(FakeDirectory("a"), asking, ExistencePolicy(proofs=3))
    for n in range(500):
        desk.add(f"absent{n}")
    async with desk.running():
        await desk.until(lambda: len(desk.out.gone) == 500)

    assert 3 <= len(desk.directory.looked_up) <= 5
    assert 1 == desk.directory.exports


async def test_a_broken_export_is_repeated_and_nothing_of_it_is_used() -> None:
    """Look-ups go on meanwhile; it is repeated a minute after at the earliest."""
    desk = ExistDesk(FakeDirectory("a", "b"), AskingPolicy(patience_seconds=1e9))
    desk.directory.export_failures = [RetryableError("broke off", kind="network")]
    began = desk.clock.seconds
    for name in "abx":
        desk.add(name)
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 3)
        assert ["a", "b", "x"] == desk.directory.looked_up
        await desk.until(lambda: desk.meter.indexed == [2])

    assert ((["a", "b"], ["x"]), 2) == (desk.names, desk.directory.exports)
    assert {"failed": 1, "ok": 1} == desk.meter.exports
    assert desk.clock.seconds - began >= 60.0


async def test_many_rows_wait_for_an_export_on_its_way() -> None:
    """A hundred here; with three thousand look-ups would take half a minute."""
    directory = FakeDirectory("p1")
    directory.export_gate = asyncio.Event()
    desk = ExistDesk(directory, AskingPolicy(look_ups_per_export=50, patience_seconds=0.0))
    for n in range(100):
        desk.add(f"p{n}")
    async with desk.running():
        await turns(50)
        assert [] == directory.looked_up
        directory.export_gate.set()
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 100)

    assert ([], 1) == (directory.looked_up, len(desk.out.sent))


async def test_a_failed_look_up_is_repeated_and_a_429_slows_the_next() -> None:
    """For as long as it takes; the row is neither sent nor absent before."""
    desk = ExistDesk(FakeDirectory("a"), AskingPolicy(exports=False))
    desk.directory.failures = [
        RetryableError("network", kind="network"),
        ConfigurationError("the key is refused", kind="api_key"),
        ThrottledError("slow down", retry_after_seconds=7.0),
    ]
    desk.add("a", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))

    assert ([7.0], 4) == (desk.pace.waits, len(desk.directory.looked_up))
    assert {"failed": 3, "found": 1} == desk.meter.look_ups


async def test_a_stop_ends_every_wait_and_settles_nothing() -> None:
    """A look-up and an export that never answer; their rows have no outcome."""
    directory = FakeDirectory("a", hold=True)
    directory.export_gate = asyncio.Event()
    desk = ExistDesk(directory, AskingPolicy(patience_seconds=0.0))
    desk.add("a", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: len(directory.out) == 1)

    assert ([], []) == desk.names
    assert [0] == of_rows(desk.exist.drop(frozenset({P0})))


async def test_a_held_partition_is_not_asked_about_before_its_release() -> None:
    """Nor is anything of it sent."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.exist.hold(P0)
    desk.add("a")
    desk.add("a")
    async with desk.running():
        await turns(30)
        assert ([], 0) == (desk.out.sent, desk.directory.exports)
        desk.exist.release(P0)
        await desk.until(lambda: len(desk.out.sent) == 1)

    assert [0, 1] == sorted(of_rows(desk.out.sent))


async def test_closing_closes_the_directory() -> None:
    """It holds connections."""
    desk = ExistDesk(FakeDirectory())
    await desk.exist.close()

    assert desk.directory.closed


moves = st.tuples(
    st.sampled_from(["add", "add", "add", "add", "answer", "fail", "drop", "hold", "release"]),
    st.sampled_from("abcdef"),
    st.booleans(),
    st.integers(0, 3),
)


class World:
    """A stage under random moves; half the names are profiles, some rows younger than exports."""

    def __init__(self, *, exports: bool) -> None:
        self.directory = FakeDirectory(*"abc", hold=True)
        asking = AskingPolicy(exports, 3, 4, 0.0)
        self.desk = ExistDesk(self.directory, asking, ExistencePolicy(proofs=2))
        self.dropped: list[Entry] = []
        self.home: dict[str, Partition] = {n: (P0 if n in "ace" else P1) for n in "abcdef"}

    def add(self, name: str, young: bool, _: int) -> None:  # noqa: FBT001  # as drawn
        self.desk.add(name, self.home[name], 0.0 if young else OLD)

    def answer(self, _: str, __: bool, number: int) -> None:  # noqa: FBT001  # as drawn
        if self.directory.out:
            _, gate = self.directory.out.pop(number % len(self.directory.out))
            if not gate.done():
                gate.set_result(None)

    def fail(self, *_: object) -> None:
        if self.directory.out:
            gate = self.directory.out.pop()[1]
            if not gate.done():
                gate.set_exception(RetryableError("network", kind="network"))

    def drop(self, name: str, *_: object) -> None:
        self.dropped += self.desk.exist.drop(frozenset({self.home[name]}))

    def hold(self, name: str, *_: object) -> None:
        self.desk.exist.hold(self.home[name])

    def release(self, name: str, *_: object) -> None:
        self.desk.exist.release(self.home[name])

    async def empty(self) -> None:
        for partition in (P0, P1):
            self.desk.exist.release(partition)
        for _ in range(400):
            self.answer("", False, 0)
            await turns(2)
            if self.settled == self.desk.offset:
                return

    @property
    def settled(self) -> int:
        out = self.desk.out
        return len(of_rows([*out.sent, *out.gone, *self.dropped]))


@given(st.lists(moves, max_size=40), st.booleans())
def test_each_row_ends_once_and_versions_stay_in_order(
    drawn: list[tuple[str, str, bool, int]],
    exports: bool,  # noqa: FBT001  # as drawn
) -> None:
    """For any interleaving: sent, absent or dropped; only profiles are sent, in their order."""

    async def play() -> World:
        world = World(exports=exports)
        async with world.desk.running():
            for move, name, young, number in drawn:
                getattr(world, move)(name, young, number)
                await turns(number)
            await world.empty()
        return world

    world = asyncio.run(play())
    out = world.desk.out

    assert list(range(world.desk.offset)) == sorted(of_rows([*out.sent, *out.gone, *world.dropped]))
    assert {e.item.identity for e in out.sent} <= set("abc")
    assert {e.item.identity for e in out.gone} <= set("def")
    for name in "abc":
        sent = [e.message.offset for e in out.sent if e.item.identity == name]
        assert sorted(sent) == sent
