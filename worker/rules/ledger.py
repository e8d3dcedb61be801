"""What the ledger says: a fold over its records, in log order.

The log decides between two pollers. A poller takes the epoch above the highest it read; the first
record with that epoch makes its author the owner, and every later record of an older epoch, or of
another author under the same epoch, is void:

    offset 7  commit  epoch 3 poller A     counts
    offset 8  reserve epoch 4 poller B     B takes over
    offset 9  commit  epoch 3 poller A     void: A was paused, its rows are read again by B
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from connectors.errors import ConnectorError, was_refused
from connectors.records import LedgerRecord, Model, Position
from worker.rules.mqr import KEY_BYTES

# What came to its end with a commit: nothing yet, a statement, or the whole poll.
Ended = Literal["nothing", "statement", "poll"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one model is."""

    watermark: Position | None = None
    fingerprint: str = ""
    change_token: str = ""
    schema_id: int = 0


class Held(NamedTuple):
    """Rows that may have been returned and not counted.

    `reread` of the `rows` have been read again since and were counted before; the others are owed:
    what of them is not read again is charged.
    """

    rows: int = 0
    reread: int = 0

    def or_more(self, other: Held) -> Held:
        """Return what covers both."""
        rows = max(self.rows, other.rows)
        return Held(rows, rows - max(self.rows - self.reread, other.rows - other.reread))


@dataclass(slots=True)
class Reservation:
    """A permitted number of rows to query, and what was read of it since the last commit.

    `held` rows were reserved by a query that broke off: they may have been returned and not
    counted. Its rows are read again now, in the same order and behind others that were counted
    long ago: so what is held shrinks by `counted` keys and not by rows, until the poll has ended.

        a b c d    a, b counted; c, d returned unseen, 2 held
        a b        read again: no new key, still 2 held
        c          read again: a new key, 1 held

    `reread` rows without a new key were read again before, by this poll or one that broke off.
    """

    model: Model
    schema_id: int
    period: str
    limit: int
    held: int = 0
    clock_ns: int = 0
    rows_read: int = 0
    rows_since_commit: int = 0
    counted: int = 0
    reread: int = 0
    mqr_keys: list[bytes] = field(default_factory=list)

    def left(self, ended: Ended, new: int = 0) -> int:
        """Return what stays reserved after a commit of `new` keys.

        That is for rows that may still be returned, or have been and are not counted.
        """
        held = max(0, self.held - self.counted - new)
        match ended:
            case "nothing":
                return max(self.limit - self.rows_read, held)
            case "statement":
                return held
            case "poll":
                return 0

    def reread_of(self, left: int, ended: Ended) -> int:
        """Return how many of the rows `left` reserved after a commit are owed no more."""
        owed = max(0, self.held - self.reread - self.rows_read)
        if ended == "nothing":
            owed = max(owed, self.limit - self.rows_read)
        return left - owed if left else 0

    def ended_by(self, error: ConnectorError) -> Ended:
        """Return what came to its end with a statement that broke.

        Rows that it returned unseen may have to be counted; a refused one returned none.
        """
        return "statement" if was_refused(error) and not self.rows_read else "nothing"

    def uncertain(self, ended: Ended) -> int:
        """Return how many of the held rows were not read again: they left the model since."""
        return max(0, self.held - self.reread - self.rows_read) if ended == "poll" else 0


@dataclass(slots=True)
class LedgerState:
    """The truth so far: who owns the ledger, how far each model is, what is reserved.

    `counted` says of each period how many records a model added on a day (of UTC), `opened` holds
    the periods in which something was reserved.
    """

    epoch: int = 0
    poller: str = ""
    next_offset: int = 0
    models: dict[str, Progress] = field(default_factory=dict)
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    reread: dict[tuple[str, str], int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    uncertain: dict[str, int] = field(default_factory=dict)
    counted: dict[str, dict[tuple[str, date], int]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    inherited: dict[tuple[str, str], Held] = field(default_factory=dict)

    def counts(self, record: LedgerRecord) -> bool:
        """Say whether a record is its owner's word, seen from what was applied before it."""
        entry = record.entry
        if entry.epoch == self.epoch:
            return entry.poller == self.poller
        return entry.epoch > self.epoch

    def apply(self, record: LedgerRecord) -> bool:
        """Take in the next record; return whether it counts."""
        self.next_offset = record.offset + 1
        entry = record.entry
        if not self.counts(record):
            return False
        place, held = (entry.period, entry.model), Held(entry.reserved, entry.reread)
        if entry.epoch > self.epoch:
            # Who takes over may not have seen the last reservation before its first entry.
            before = self.inherited[place] = self.held(*place)
            held = held.or_more(before._replace(rows=before.rows - entry.uncertain))
        self.reserved.setdefault(entry.period, {})[entry.model] = held.rows
        self.reread[place] = held.reread
        self.epoch, self.poller = entry.epoch, entry.poller
        if entry.kind == "reserve":
            self.opened.add(entry.period)
        if entry.kind == "commit":
            self._count(record)
            self.models[entry.model] = Progress(
                entry.watermark, entry.fingerprint, entry.change_token, entry.schema_id
            )
        return True

    def _count(self, record: LedgerRecord) -> None:
        entry = record.entry
        self.used[entry.period] = entry.used
        charged = self.uncertain.get(entry.period, 0) + entry.uncertain
        self.uncertain[entry.period] = charged
        if entry.new_keys:
            day = datetime.fromtimestamp(entry.at_ns // 1_000_000_000, tz=UTC).date()
            days = self.counted.setdefault(entry.period, {})
            place = (entry.model, day)
            days[place] = days.get(place, 0) + len(entry.new_keys) // KEY_BYTES

    def counted_by_day(self, period: str) -> dict[date, int]:
        """Return how many records of all models the period counted on each day."""
        days: dict[date, int] = {}
        for (_, day), records in self.counted.get(period, {}).items():
            days[day] = days.get(day, 0) + records
        return days

    def counted_by_model(self, period: str) -> dict[str, int]:
        """Return how many records the period counted of each model."""
        models: dict[str, int] = {}
        for (name, _), records in self.counted.get(period, {}).items():
            models[name] = models.get(name, 0) + records
        return models

    def knows(self, model: str) -> bool:
        """Say whether any entry was ever made for a model."""
        return model in self.models or any(model in models for models in self.reserved.values())

    def progress(self, model: str) -> Progress:
        """Return how far a model is; nothing yet for a model never committed."""
        return self.models.get(model, Progress())

    def held(self, period: str, model: str) -> Held:
        """Return what a model holds reserved in a period."""
        rows = self.reserved.get(period, {}).get(model, 0)
        return Held(rows, self.reread.get((period, model), 0))

    def reserved_by_others(self, period: str, model: str) -> int:
        """Return what all other models still hold reserved in a period."""
        return sum(n for name, n in self.reserved.get(period, {}).items() if name != model)

    def fenced(self, epoch: int, poller: str) -> bool:
        """Say whether another poller owns the ledger, seen from (epoch, poller)."""
        return self.epoch > epoch or (self.epoch == epoch and self.poller != poller)


def sql_fingerprint(model: Model) -> str:
    """Return a text that changes when what the watermark means changes.

    White space around the statement does not count; the key, the watermark column, the statement
    and the place it is read from do.
    """
    # `partition_by` belongs to it: with another one a key would stand in two partitions.
    parts = (
        model.sql.strip().rstrip(";").strip(),
        model.primary_key,
        model.watermark or "",
        model.partition_by or "",
        model.origin,
        model.watermark_unit or "",
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
