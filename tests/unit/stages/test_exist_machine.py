"""Whatever is answered, failed, held and dropped, in any order: each row ends once."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import RetryableError
from connectors.records import Partition
from tests.fakes import P0, P1, turns
from tests.unit.stages.exist_desk import OLD, ExistDesk, FakeDirectory, of_rows
from worker.rules.asking import AskingPolicy
from worker.rules.batching import Entry
from worker.rules.existence import ExistencePolicy

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
