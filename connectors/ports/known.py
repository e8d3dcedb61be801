"""The ports through which the polling half knows what a topic holds already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from connectors.records import Change, SnapshotCounts


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
