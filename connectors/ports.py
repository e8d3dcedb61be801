"""The seams of the house: everything outside stands behind one of these.

One attempt at one call, a typed result. No port retries, sleeps or loops over failures: that is
the worker's business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from connectors.records import (
    Answer,
    Change,
    Column,
    DeadLetter,
    Item,
    LedgerEntry,
    LedgerRecord,
    MappedRow,
    Message,
    Model,
    Page,
    Partition,
    Rejected,
    SnapshotCounts,
    Survey,
    Window,
)


class Source(Protocol):
    """A system we read. Every method may raise RetryableError or ConfigurationError."""

    async def clock_ns(self) -> int:
        """Return the source's own clock, in nanoseconds since 1970 UTC."""
        ...

    async def change_token(self, objects: Sequence[str]) -> str:
        """Return an opaque text that differs once any of `objects` changed; costs no warehouse."""
        ...

    async def describe(self, model: Model) -> tuple[Column, ...]:
        """Return the columns the model's query yields, in order, without reading a row."""
        ...

    async def survey(self, window: Window) -> Survey:
        """Count the window's rows, whatever its limit, and the rows that no window returns.

        An aggregate: it returns no key, so it costs no MQR.
        """
        ...

    def read(self, window: Window) -> AsyncIterator[Page]:
        """Yield the window's rows in order, a page at a time: one statement, one snapshot."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """Where changes went. `partitions` has one entry per change, `too_large` indexes into them.

    `offsets` are what they got, by partition; one in which somebody else wrote in between is left
    out.
    """

    partitions: Sequence[int]
    offsets: Mapping[int, range]
    too_large: frozenset[int] = frozenset()


class Producer(Protocol):
    """Writes changes to a model's topic."""

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        """Return once the broker holds every change, or has said of one that it is too large.

        Raises RetryableError when that is not certain; the changes must then be sent again.
        """
        ...

    async def close(self) -> None: ...


class Ledger(Protocol):
    """The append-only truth for progress and MQR."""

    async def append(self, entry: LedgerEntry) -> int:
        """Return the entry's offset once the broker holds it; RetryableError when unknown."""
        ...

    def read(self, from_offset: int) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Yield the records from `from_offset` to the end of the log as it is when called."""
        ...

    async def close(self) -> None: ...


class LoggedRow(NamedTuple):
    """One record of a model's topic: a row version (`row_hash`), a delete, or a tombstone.

    A delete has no hash, a tombstone no value either. What no poller wrote has no epoch.
    """

    key: bytes
    partition: int
    epoch: int | None
    changed_at_ns: int
    row_hash: bytes | None
    value: bytes | None


class ModelLog(Protocol):
    """Reads a model's topic from given offsets to its end, to bring the index up to date."""

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset after the last record of each partition."""
        ...

    def read(
        self, topic: str, start: Mapping[int, int]
    ) -> AsyncIterator[tuple[Sequence[LoggedRow], Mapping[int, int]]]:
        """Yield records with the offsets up to which, after them, everything was seen."""
        ...

    async def close(self) -> None: ...


class KnownRow(NamedTuple):
    """What the index keeps of a key.

    `row_hash` is the newest version's; empty after a delete that has no tombstone yet, None once
    nothing is left of it in that partition. `partition` is where it stands. Snapshot models also
    keep `delete`, the record to publish when the row leaves, and `filled`, which columns hold
    something.
    """

    key: bytes
    row_hash: bytes | None
    partition: int = 0
    delete: bytes = b""
    filled: bytes = b""


class Index(Protocol):
    """The local cache of topic and ledger: deleting it loses nothing.

    Methods block for milliseconds; call them off the event loop.
    """

    def next_offsets(self, log: str) -> dict[int, int]:
        """Return the offsets of a topic up to which this index is true."""
        ...

    def epochs(self, log: str) -> dict[int, int]:
        """Return the highest epoch seen in each partition of a topic up to there."""
        ...

    def changed(self, model: str, keys: Sequence[bytes], hashes: Sequence[bytes]) -> list[bool]:
        """Say of each row whether its hash differs from the newest known one."""
        ...

    def partitions(self, model: str, keys: Sequence[bytes]) -> list[int | None]:
        """Return where the newest known version of each key stands; None for an unknown key."""
        ...

    def remember(
        self,
        model: str,
        rows: Sequence[KnownRow],
        log: str,
        next_offsets: Mapping[int, int],
        epochs: Mapping[int, int],
    ) -> None:
        """Store rows and up to where they are true, together or not at all."""
        ...

    def doubt(self, model: str, keys: Mapping[bytes, int]) -> None:
        """Forget what is known of keys that a replaced poller wrote over, until remembered anew.

        Each comes with the change time of the version that now stands last in the topic.
        """
        ...

    def doubted_since_ns(self, model: str) -> int | None:
        """Return the earliest change time among the keys in doubt, or None."""
        ...

    def end_doubt(self, model: str) -> None:
        """Give up on keys still in doubt: a read from there on did not return them."""
        ...

    def new_keys(self, period: str, hashes: Sequence[bytes]) -> list[bytes]:
        """Return those not yet counted in the period, each once, in order."""
        ...

    def count_keys(self, period: str, new_keys: bytes, log: str, next_offset: int) -> None:
        """Count 16-byte keys in the period and note that the ledger is known up to an offset."""
        ...

    def counted(self, period: str) -> int:
        """Return how many distinct keys are counted in the period."""
        ...

    def keep(self, model: str, log: str, columns: str) -> None:
        """Forget a model whose rows were stored for delete records of other columns."""
        ...

    def forget(self, model: str, log: str) -> None:
        """Drop a model's rows and what is noted of its topic, to read it from the start."""
        ...

    def close(self) -> None: ...


class SeenRow(NamedTuple):
    """A row of a snapshot: `change` is there if it is to be published, `blanked` names columns."""

    key: bytes
    change: Change | None = None
    delete: bytes = b""
    filled: bytes = b""
    blanked: tuple[str, ...] = ()


class Snapshots(Protocol):
    """Where a full read waits, on disk, until it is known whole. Methods block like the index's."""

    def begin(self, model: str) -> None:
        """Start a snapshot with nothing seen; whatever an earlier one left is gone."""
        ...

    def filled(self, model: str, keys: Sequence[bytes]) -> list[bytes]:
        """Return of each key which columns its newest known version fills; empty if unknown."""
        ...

    def add(self, model: str, rows: Sequence[SeenRow]) -> None:
        """Note rows as seen, and keep those that are to be published."""
        ...

    def counts(self, model: str) -> SnapshotCounts:
        """Return the comparison of everything seen so far with everything known."""
        ...

    def staged(self, model: str, after: bytes | None, limit: int) -> list[SeenRow]:
        """Return the next rows to publish, in the order of their keys, after a key."""
        ...

    def gone(self, model: str, after: bytes | None, limit: int) -> list[KnownRow]:
        """Return the next known rows that were not seen, in the order of their keys."""
        ...

    def renamed(self, model: str, after: bytes | None, limit: int) -> list[KnownRow]:
        """Return the next known rows whose key is to be published with another delete record."""
        ...

    def end(self, model: str) -> None:
        """Forget the snapshot; its rows leave the disk."""
        ...


class Schemas(Protocol):
    """Where schema ids come from: a registry, or a compacted topic of our own."""

    async def register(self, subject: str, schema: str) -> int:
        """Return the id under which readers find `schema`; the same text has the same id."""
        ...

    async def by_id(self, schema_id: int) -> str | None:
        """Return the schema text, or None when no such id is known."""
        ...

    async def close(self) -> None: ...


# --- consuming ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assigned:
    """Partitions that are now ours: where reading starts and where their log ends right now.

    `topic_partitions` is how many the topic has, ours and others'; 0 when that is not known.
    """

    starts: Mapping[Partition, int]
    ends: Mapping[Partition, int]
    topic_partitions: int = 0


@dataclass(frozen=True, slots=True)
class Revoked:
    """Partitions that stop being ours.

    While `lost` is False their offsets may still be committed: answer with `Consumer.release`.
    """

    partitions: frozenset[Partition]
    lost: bool


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one partition, in offset order."""

    partition: Partition
    messages: Sequence[Message]


ConsumerEvent = Assigned | Revoked | Messages


@dataclass(frozen=True, slots=True)
class GroupLag:
    """What a group has before it, and the note that stands beside its first partition's offset.

    `rows` are the messages between committed offset and log end of every partition of the topic.
    """

    rows: Mapping[Partition, int]
    note: str = ""


class Consumer(Protocol):
    """A member of a sync's consumer group."""

    async def poll(self, timeout_seconds: float) -> Sequence[ConsumerEvent]:
        """Return what happened, in order; an empty list when nothing did in that time."""
        ...

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Read nothing of these partitions, and of these only, until told otherwise.

        Membership of the group is kept while everything is paused.
        """
        ...

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Return once the group holds the offsets; each is the *next* one to read."""
        ...

    def release(self, next_offsets: Mapping[Partition, int]) -> None:
        """Answer a Revoked event: commit these offsets and let the partitions go."""
        ...

    async def lag(self) -> GroupLag:
        """Return how far the group is behind, all members together."""
        ...

    def annotate(self, note: str) -> None:
        """Leave this note beside every offset of the topic's first partition that is committed."""
        ...

    async def close(self) -> None:
        """Leave the group."""
        ...


class DeadLetters(Protocol):
    """The dead-letter topic of a sync."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker holds every letter."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one endpoint permits: calls a second and the size of one call."""

    endpoint: str
    calls_per_second: float
    max_rows: int
    max_bytes: int


class Destination(Protocol):
    """A system we deliver to, for one object and mode."""

    @property
    def limits(self) -> CallLimits: ...

    async def probe(self) -> None:
        """Return when the destination answers and takes our key; change nothing there."""
        ...

    @property
    def removes(self) -> bool:
        """Whether rows that left the model, or that the sync's filter leaves out, are items too."""
        ...

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:
        """Return the item as one call carries it, or None when its identity can't be valid.

        What else speaks against a row before any call is Rejected.
        `key` is the row's primary key; `gone` rows left and are only asked for with `removes`.
        """
        ...

    async def deliver(self, items: Sequence[Item]) -> Answer:
        """Make one call; return one outcome per item, in order.

        Raises RetryableError, TooLargeError, RefusedError or ConfigurationError when the call
        itself failed; then nothing is known of its rows.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DirectoryLimits:
    """What a directory permits: calls in a time."""

    look_ups_per_second: float
    exports_per_minute: float


class Directory(Protocol):
    """Who exists at a destination, for a mode that creates nobody.

    Identities are as `Destination.encode` makes them. Everything raises RetryableError or
    ConfigurationError, and then nothing is known.
    """

    @property
    def limits(self) -> DirectoryLimits: ...

    def export(self) -> AsyncIterator[Sequence[str]]:
        """Yield everybody's identity, some at a time; unless it ends well it says nothing."""
        ...

    async def exists(self, identity: str) -> bool:
        """Make one call; say whether there is such a profile."""
        ...

    async def close(self) -> None: ...
