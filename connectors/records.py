"""The values that travel: rows on their way to Kafka, messages on their way to Iterable.

Pages travel as one value (a list of rows), never as one object per row through a queue:
per-row cost is the budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple


class ColumnType(StrEnum):
    """What a column holds, whatever the source calls it."""

    TEXT = "text"
    DECIMAL = "decimal"  # also every whole number: Snowflake has no other
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP_NTZ = "timestamp_ntz"  # wall clock without a zone
    TIMESTAMP_TZ = "timestamp_tz"  # a point in time (LTZ and TZ)
    JSON = "json"  # VARIANT, ARRAY, OBJECT: JSON text
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model, as its query describes it."""

    name: str
    type: ColumnType
    precision: int = 0
    scale: int = 0


EpochUnit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a model's order (watermark, key). Everything up to it is durably in Kafka.

    `value` is text: `2026-11-24 08:45:00.123456789` in UTC for timestamps (nine digits; as a
    datetime the last three would be lost and the last row be read for ever), `2026-11-24` for
    dates, digits for integers, empty in a snapshot, whose order is by key alone.
    `key` is None for "before every key with that value".
    """

    value: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One SELECT on a source, with a primary key and a change column (the watermark).

    Without a watermark the model is read whole each time and compared: a snapshot. `watermark_unit`
    says what an integer watermark counts; without it, nothing but its order is known.
    `needed_columns` are those that its syncs map: without one of them nothing is published.
    `identity_columns` are what a destination needs to find the profile of a row that left.
    `origin` names the place it is read from: at another place a watermark means nothing.
    """

    name: str
    sql: str
    primary_key: str
    watermark: str | None
    watermark_zone: str | None = None
    watermark_unit: EpochUnit | None = None
    partition_by: str | None = None
    ignore_changes_in: frozenset[str] = frozenset()
    change_tokens: tuple[str, ...] = ()
    needed_columns: frozenset[str] = frozenset()
    identity_columns: frozenset[str] = frozenset()
    origin: str = ""

    @property
    def kept_at_delete(self) -> frozenset[str]:
        """The columns a delete record still carries."""
        return self.identity_columns | {self.primary_key}


@dataclass(frozen=True, slots=True)
class Window:
    """What one statement reads: rows after `after`, before `before`, in order, at most `limit`.

    Rows without a key or a watermark are in no window; `Survey` counts them.
    """

    model: Model
    columns: tuple[Column, ...]
    after: Position | None
    before: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a model holds, counted at the source without a row being returned.

    `rows` lie in the window that was asked about; the rest is said of the whole model:
    `duplicate_keys` is how many rows share their key with an earlier one, `later` how many have a
    watermark at or behind the window's end: not settled yet, or in the future.
    """

    rows: int
    null_keys: int = 0
    null_watermarks: int = 0
    duplicate_keys: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotCounts:
    """How a snapshot compares with what is known of its model, in rows.

    `blanked` says of each column in how many rows it held something before and nothing now.
    """

    known: int
    new: int = 0
    changed: int = 0
    deleted: int = 0
    blanked: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a window, oldest first.

    A value is what its column says, as Python has it; JSON is its text, and a timestamp may also be
    the number of microseconds since 1970 (a source uses one form of the two).

    `watermarks[i]` is the watermark of `rows[i]` as a number: nanoseconds since 1970 UTC for
    timestamps, days since 1970 for dates, itself for an integer. Empty in a snapshot.
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[object, ...]]
    watermarks: Sequence[int]


Operation = Literal["upsert", "delete"]


class Change(NamedTuple):
    """One row version, ready to publish: everything Kafka will hold of it.

    A tuple, as one is made for each row: a frozen dataclass takes four times as long.
    """

    key: bytes
    value: bytes | None
    partition_hash: int
    row_hash: bytes
    changed_at_ns: int
    op: Operation = "upsert"


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    number: int


class Message(NamedTuple):
    """One record as the consumer got it. `offset` is its own, the next to read is one more.

    A tuple, as one is made for each row.
    """

    partition: Partition
    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp_ms: int = 0


# --- what a destination says of one item ------------------------------------------------------


class RejectReason(StrEnum):
    """Why a row can never be accepted: a closed list, for metrics and dead-letter headers."""

    UNDECODABLE = "undecodable"
    UNMAPPABLE = "unmappable"
    INVALID_IDENTITY = "invalid_identity"
    INVALID_DATA = "invalid_data"
    FIELD_TYPE = "field_type"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNKNOWN_USER = "unknown_user"  # an event whose user did not appear in all the time it was given
    UNEXPLAINED = "unexplained"


class SkipReason(StrEnum):
    """Why a row needs no delivery and no attention."""

    ABSENT = "absent"  # update mode: Iterable has no such profile
    FORGOTTEN = "forgotten"  # GDPR-forgotten: never retried, never stored
    DELETED = "deleted"  # the row left the model; users objects keep their profile
    FILTERED = "filtered"  # the sync's filter does not let it through
    SUPERSEDED = "superseded"  # of a poller that had been replaced; its successor reads it again


@dataclass(frozen=True, slots=True)
class Delivered:
    """Iterable took it."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Iterable had it already."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing to do for this row, by design."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """This row can never be accepted: it becomes a dead letter."""

    reason: RejectReason
    http_status: int = 0


@dataclass(frozen=True, slots=True)
class Undetermined:
    """The answer does not say what became of this row: ask again, in a smaller batch."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not yet: ask again in a while. After the last try the row is rejected for `reason`."""

    reason: RejectReason
    http_status: int = 0


Verdict = Delivered | Unchanged | Skipped | Rejected
Outcome = Verdict | Undetermined | Postponed


class Answer(NamedTuple):
    """What a call came to: one outcome per row, in order; fields it made, or had to leave out."""

    outcomes: Sequence[Outcome]
    created_fields: int = 0
    filtered_fields: int = 0


class Item(NamedTuple):
    """One row as the destination wants it.

    `identity` is what answers name it by, in the form in which two spellings of one profile are
    equal. `body` is the item's own JSON, encoded once so that batches are cut by exact size.
    Items of one `key` are versions of one thing: the newest wins, one call at a time. `call` says
    which of the destination's calls takes it; a batch holds items of one call.
    """

    identity: str
    body: bytes
    key: str
    call: str = ""


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row before the destination's own encoding.

    `identity` is who it is of, `fields` go into the profile or event, `properties` into the item
    itself (an event's name and time). `wanted` is False when the sync's filter leaves it out.
    """

    identity: str
    fields: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message set aside with its reason; the bytes stay untouched."""

    message: Message
    reason: RejectReason
    stage: str
    http_status: int
    attempts: int


# --- the ledger --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record of the ledger: everything that must become true together is in it.

    A `reserve` says: up to `reserved` new records may be queried from now on. A `commit` says: the
    rows up to `watermark` are in Kafka, `new_keys` (16 bytes each) are the keys this chunk queried
    for the first time in `period`, and `reserved` is what is left of the reservation. `uncertain`
    records may have been returned by a query that broke off, and had left the model before they
    could be counted: they are charged. `reread` of the rows reserved were read again since the
    query that returned them broke off. `at_ns` is the source's clock when the query started.
    """

    kind: Literal["reserve", "commit"]
    epoch: int
    poller: str
    model: str
    period: str
    reserved: int
    used: int
    watermark: Position | None
    rows_read: int
    new_keys: bytes
    fingerprint: str
    change_token: str
    schema_id: int
    at_ns: int = 0
    uncertain: int = 0
    reread: int = 0


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """An entry with its place in the log; the log's order decides between two pollers."""

    offset: int
    entry: LedgerEntry
