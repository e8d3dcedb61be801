"""Rows on their way to Kafka: what a model is, what a window of it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


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
