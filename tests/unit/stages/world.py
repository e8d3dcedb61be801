"""A broker, an Iterable and two members of a group, for random histories of a sync.

Iterable applies a call when it arrives; its answer comes when the test says so, or never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from connectors.errors import ConnectorError, RefusedError
from connectors.ports import Assigned, Messages, Revoked
from connectors.records import (
    DeadLetter,
    Delivered,
    Item,
    Message,
    Outcome,
    Partition,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Undetermined,
)
from tests.fakes import P0, P1, FakeDeadLetters, kind_of, message, turns, version_of
from tests.unit.stages.desk import Desk, cancel
from worker.rules.batching import BatchPolicy
from worker.rules.intake import InFlightPolicy
from worker.stages.consume import ConsumePolicy

PARTITIONS = (P0, P1)
KINDS = ("good", "good", "good", "good", "deleted", "absent", "bad", "poison", "silent")
TO_DEAD_LETTERS = {"bad", "poison", "silent", "undecodable"}


class Letters(FakeDeadLetters):
    """The dead-letter topic, shared by all members."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        await super().put(letters)
        self._world.done |= {(one.message.partition, one.message.offset) for one in letters}


class Member:
    """One process of the group, from its start to its crash."""

    def __init__(self, world: World) -> None:
        self.desk = Desk(
            batch=BatchPolicy(max_rows=3, linger_seconds=0.0),
            consume=ConsumePolicy(InFlightPolicy(3, 2), commit_seconds=0.0, release_seconds=60.0),
            max_calls=3,
        )
        self.start: dict[Partition, int] = {}
        self.position: dict[Partition, int] = {}
        desk = self.desk
        desk.committed, desk.on_commit = world.committed, world.check_commit
        desk.destination.answer = lambda items: world.arrive(self, items)
        desk.destination.hold = True
        desk.bury._dead_letters = world.letters
        self.tasks = [
            world.loop.create_task(desk.deliver.run()),
            world.loop.create_task(desk.consume.run()),
        ]

    async def crash(self) -> None:
        """End as by SIGKILL: whatever was under way is gone."""
        for task in [*self.tasks, *self.desk.deliver._calls]:
            await cancel(task)
        self.position.clear()


def epoch_of(message: Message) -> int | None:
    """Return the epoch a message was written with."""
    return next((int(value) for name, value in message.headers if name == "epoch"), None)


class World:
    """Everything outside, and the laws that must hold in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.log: dict[Partition, list[Message]] = {p: [] for p in PARTITIONS}
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.epoch = 1
        self.doubted: list[tuple[Partition, str]] = []
        self.profiles: dict[str, int] = {}
        self.done: set[tuple[Partition, int]] = set()
        self.letters = Letters(self)
        self.refusal: ConnectorError | None = None
        self.failures: list[object] = []
        self.loop.set_exception_handler(lambda _, c: self.failures.append(c.get("exception")))
        self.members: list[Member] = [Member(self), Member(self)]
        self.run(turns())
        for partition, member in zip(PARTITIONS, self.members, strict=True):
            self.assign(partition, member)

    def run(self, job: Coroutine[Any, Any, None]) -> None:
        """Let time pass; a law broken inside a stage's task is broken here."""
        self.loop.run_until_complete(job)
        for member in self.members:
            self.failures += [t.exception() for t in member.tasks if t.done() and not t.cancelled()]
        assert not self.failures

    # --- what the outside does -------------------------------------------------------------------

    def produce(self, partition: Partition, who: str, kind: str) -> None:
        self._append(partition, f"{who}{partition.number}", kind, self.epoch)

    def write_late(self, partition: Partition, who: str) -> None:
        """Let a poller that was replaced write an old row behind its successor's."""
        name = f"{who}{partition.number}"
        if any(m.key == name.encode() and epoch_of(m) == self.epoch for m in self.log[partition]):
            self._append(partition, name, "late", self.epoch - 1)
            self.doubted.append((partition, name))

    def publish_doubted(self) -> None:
        """Let the successor publish anew what the replaced poller wrote over."""
        for partition, name in self.doubted:
            self._append(partition, name, "good", self.epoch)
        self.doubted.clear()

    def _append(self, partition: Partition, name: str, kind: str, epoch: int) -> None:
        offset = len(self.log[partition])
        row = message(name, offset, offset, partition, kind)
        self.log[partition].append(row._replace(headers=[("epoch", str(epoch).encode())]))

    def arrive(self, member: Member, items: Sequence[Item]) -> Sequence[Outcome]:
        """Take a call in, as Iterable does; the answer travels later."""
        for item in items:
            assert _partition_of(item.identity) in member.position, "sent for somebody else"
        if self.refusal is not None:
            raise self.refusal
        if any(kind_of(item) == "poison" for item in items):
            raise RefusedError(RejectReason.INVALID_DATA)
        for item in items:
            assert not self._is_superseded(member, item), "a replaced poller's row was sent"
        return [self._apply(item) for item in items]

    def _is_superseded(self, member: Member, item: Item) -> bool:
        partition, offset = _partition_of(item.identity), version_of(item)
        read = self.log[partition][member.start[partition] : offset + 1]
        return any((epoch_of(m) or 0) > (epoch_of(read[-1]) or 0) for m in read)

    def _apply(self, item: Item) -> Outcome:
        kind, version = kind_of(item), version_of(item)
        if kind == "bad":
            return Rejected(RejectReason.INVALID_DATA, 200)
        if kind == "silent":
            return Undetermined()
        self.done.add((_partition_of(item.identity), version))
        if kind == "absent":
            return Skipped(SkipReason.ABSENT)
        assert version >= self.profiles.get(item.identity, -1), "an older version after a newer one"
        self.profiles[item.identity] = version
        return Delivered()

    def owner(self, partition: Partition) -> Member | None:
        return next((m for m in self.members if partition in m.position), None)

    # --- what the group does ---------------------------------------------------------------------

    def assign(self, partition: Partition, member: Member) -> None:
        start = member.position[partition] = member.start[partition] = self.committed[partition]
        event = Assigned({partition: start}, {partition: len(self.log[partition])})
        member.desk.consumer.tick(event)
        self.run(turns())

    def fetch(self, partition: Partition, count: int) -> None:
        """Hand the owner its next messages, unless it asked for none."""
        member = self.owner(partition)
        if member is None or partition in member.desk.consumer.paused:
            return
        start = member.position[partition]
        if found := self.log[partition][start : start + count]:
            member.position[partition] += len(found)
            member.desk.consumer.tick(Messages(partition, found))
            self.run(turns())

    def revoke(self, partition: Partition, *, lost: bool) -> None:
        member = self.owner(partition)
        if member is None:
            return
        self.heal()
        released = len(member.desk.consumer.released)
        member.desk.consumer.tick(Revoked(frozenset({partition}), lost=lost))
        self.run(turns())
        while not lost and len(member.desk.consumer.released) == released:
            self.answer_all(member)
        del member.position[partition]

    def crash(self, number: int) -> None:
        """Kill a member; a new one takes its place with nothing assigned."""
        self.run(self.members[number].crash())
        self.members[number] = Member(self)
        self.run(turns())

    def answer_all(self, member: Member) -> None:
        while member.desk.destination.out:
            member.desk.destination.let_through()
        self.run(turns())

    def heal(self) -> None:
        self.refusal = self.letters.failure = None
        self.run(turns())

    # --- the laws --------------------------------------------------------------------------------

    def check_commit(self, offsets: Mapping[Partition, int]) -> None:
        """Everything below a committed offset has an outcome, its own or a newer version's."""
        for partition, next_offset in offsets.items():
            log = self.log[partition]
            for one in log[:next_offset]:
                newer = {(partition, m.offset) for m in log[one.offset :] if m.key == one.key}
                needs_none = any(kind in (one.value or b"") for kind in (b"deleted", b"late"))
                assert needs_none or newer & self.done, (
                    f"offset {next_offset} is ahead of the outcome of {one.offset}"
                )

    def check_books(self) -> None:
        """Consumed = outcomes + given back + in flight."""
        for member in self.members:
            meter, desk = member.desk.meter, member.desk
            known = meter.settled + desk.consume.in_flight
            assert meter.rows["consumed"] >= known
            if not desk.deliver._calls:  # a call of a lost partition is in neither until it ends
                assert meter.rows["consumed"] == known

    def settle(self) -> None:
        """Let everything come to its end."""
        self.heal()
        self.publish_doubted()
        for partition in PARTITIONS:
            if self.owner(partition) is None:
                self.assign(partition, self.members[0])
        for _ in range(500):
            for partition in PARTITIONS:
                self.fetch(partition, 2)
            for member in self.members:
                self.answer_all(member)
                member.desk.consumer.tick()
            self.run(turns(5))
            if all(self.committed[p] == len(self.log[p]) for p in PARTITIONS):
                return
        raise AssertionError("the sync does not come to its end")

    def check_profiles(self) -> None:
        """Each profile is at its newest version, or the newest stands in the dead letters."""
        newest = {m.key.decode(): m for log in self.log.values() for m in log}
        buried = {(one.message.partition, one.message.offset) for one in self.letters.letters}
        for identity, last in newest.items():
            text = (last.value or b"").decode()
            if '"good"' in text:
                assert last.offset == self.profiles[identity]
            elif any(f'"{kind}"' in text for kind in TO_DEAD_LETTERS):
                assert (last.partition, last.offset) in buried

    def close(self) -> None:
        for member in self.members:
            self.run(member.crash())
        self.loop.close()


def _partition_of(identity: str) -> Partition:
    return PARTITIONS[int(identity[-1])]
