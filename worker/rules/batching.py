"""Which rows go into the next call: each key's newest version, in one call at a time.

waiting    first come, first served; a newer version takes the older one's place in the line
in flight  a call is out; versions that arrive meanwhile are parked and wait their turn
later      the destination asked for patience: in flight, without a call
held       rows of a partition that was just assigned, until all that may have been in flight
before is read again: of `A1 B1 A2`, where a crash lost the offsets but not the
calls, only A2 may be sent, or A would go back to its older version
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.records import Item, Message, Partition
from worker.rules.offsets import OffsetTracker


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """When a batch is full, and how long a row waits for others to fill it."""

    max_rows: int = 1_000
    max_bytes: int = 3_500_000
    linger_seconds: float = 0.5


@dataclass(slots=True)
class Entry:
    """The newest known version of one key, and every message it answers for."""

    item: Item
    message: Message
    covers: list[tuple[OffsetTracker, int]]
    changed_at_ns: int
    since: float
    postponed: int = 0  # how often it was

    @property
    def partition(self) -> Partition:
        return self.message.partition


@dataclass(slots=True)
class Batcher:
    """Rows on their way into calls."""

    policy: BatchPolicy
    _waiting: dict[str, Entry] = field(default_factory=dict)
    _waiting_bytes: int = 0
    _in_flight: set[str] = field(default_factory=set)
    _parked: dict[str, Entry] = field(default_factory=dict)
    _later: dict[str, tuple[float, Entry]] = field(default_factory=dict)
    _held: dict[Partition, dict[str, Entry]] = field(default_factory=dict)

    def hold(self, partition: Partition) -> None:
        """Keep a partition's rows back until `release`."""
        self._held.setdefault(partition, {})

    def release(self, partition: Partition) -> None:
        """Let a held partition's rows, coalesced by now, take their place in the line."""
        for entry in self._held.pop(partition, {}).values():
            self._place(entry)

    def is_held(self, partition: Partition) -> bool:
        return partition in self._held

    def add(self, entry: Entry) -> None:
        """Take a row in; it replaces an older version of its key that was not sent yet."""
        held = self._held.get(entry.partition)
        if held is not None:
            _coalesce(held, entry)
        else:
            self._place(entry)

    def _place(self, entry: Entry) -> None:
        if entry.item.key in self._in_flight:
            _coalesce(self._parked, entry)
            return
        key = entry.item.key
        before = self._waiting.get(key)
        self._waiting_bytes -= 0 if before is None else len(before.item.body)
        _coalesce(self._waiting, entry)
        self._waiting_bytes += len(self._waiting[key].item.body)

    def due_in(self, now: float) -> float | None:
        """Return the seconds until a batch may be taken, 0 if now, None when nothing waits."""
        if not self._waiting:
            return None
        full = (
            len(self._waiting) >= self.policy.max_rows
            or self._waiting_bytes >= self.policy.max_bytes
        )
        if full:
            return 0.0
        oldest = next(iter(self._waiting.values())).since
        return max(0.0, oldest + self.policy.linger_seconds - now)

    def take(self) -> list[Entry]:
        """Return the next batch, never larger than the policy; its keys are in flight now.

        Its rows go by one call. A single row that is larger than a call may be is a batch of its
        own.
        """
        batch: list[Entry] = []
        size = 0
        for entry in self._waiting.values():
            if batch and entry.item.call != batch[0].item.call:
                continue
            size += len(entry.item.body) + 1
            if batch and (len(batch) >= self.policy.max_rows or size > self.policy.max_bytes):
                break
            batch.append(entry)
        for entry in batch:
            del self._waiting[entry.item.key]
            self._waiting_bytes -= len(entry.item.body)
            self._in_flight.add(entry.item.key)
        return batch

    def finish(self, batch: Iterable[Entry]) -> None:
        """Note that rows have their outcomes; versions parked behind them take their place."""
        for entry in batch:
            key = entry.item.key
            self._in_flight.discard(key)
            parked = self._parked.pop(key, None)
            if parked is not None:
                self._place(parked)

    def postpone(self, entry: Entry, until: float) -> None:
        """Keep a row that is in flight, and its newer versions, until a time; then `wake` it."""
        entry.postponed += 1
        self._later[entry.item.key] = (until, entry)

    def wake(self, now: float) -> None:
        """Let rows whose time has come take their place in the line again."""
        for key in [k for k, (until, _) in self._later.items() if until <= now]:
            _, entry = self._later.pop(key)
            self._in_flight.discard(key)
            self._place(entry)
            if (parked := self._parked.pop(key, None)) is not None:
                self._place(parked)

    def drop(self, partitions: frozenset[Partition]) -> list[Entry]:
        """Give up unsent rows of partitions that are no longer ours; return them."""
        dropped: list[Entry] = []
        for partition in partitions:
            dropped.extend(self._held.pop(partition, {}).values())
        for line in (self._waiting, self._parked):
            gone = [e for e in line.values() if e.partition in partitions]
            for entry in gone:
                del line[entry.item.key]
            dropped.extend(gone)
        self._waiting_bytes = sum(len(e.item.body) for e in self._waiting.values())
        postponed = [e for _, e in self._later.values() if e.partition in partitions]
        for entry in postponed:
            del self._later[entry.item.key]
        self.finish(postponed)
        return dropped + postponed

    @property
    def waiting(self) -> int:
        """Identities that could go into a call now."""
        return len(self._waiting)


def _coalesce(line: dict[str, Entry], entry: Entry) -> None:
    before = line.get(entry.item.key)
    if before is None:
        line[entry.item.key] = entry
        return
    newer, older = (entry, before) if _is_newer(entry, before) else (before, entry)
    newer.covers = older.covers + newer.covers
    newer.since = before.since
    line[entry.item.key] = newer


def _is_newer(entry: Entry, before: Entry) -> bool:
    # In one partition the log's order is the truth. Two rows of one profile can stand in two
    # partitions (an e-mail changed and the model has no `partition_by`): then the change time is.
    if entry.partition == before.partition:
        # Read again after its partition came back, a row is the same row: the new reading counts.
        return entry.message.offset >= before.message.offset
    return entry.changed_at_ns >= before.changed_at_ns
