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

from connectors.records import LedgerRecord, Model, Position


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one model is."""

    watermark: Position | None = None
    fingerprint: str = ""
    change_token: str = ""
    schema_id: int = 0


@dataclass(slots=True)
class Reservation:
    """A permitted number of rows to query, and what was read of it since the last commit."""

    model: Model
    schema_id: int
    period: str
    limit: int
    rows_read: int = 0
    rows_since_commit: int = 0
    mqr_keys: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class LedgerState:
    """The truth so far: who owns the ledger, how far each model is, what is reserved."""

    epoch: int = 0
    poller: str = ""
    next_offset: int = 0
    models: dict[str, Progress] = field(default_factory=dict)
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

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
        self.epoch, self.poller = entry.epoch, entry.poller
        self.reserved.setdefault(entry.period, {})[entry.model] = entry.reserved
        if entry.kind == "commit":
            self.used[entry.period] = entry.used
            self.models[entry.model] = Progress(
                entry.watermark, entry.fingerprint, entry.change_token, entry.schema_id
            )
        return True

    def progress(self, model: str) -> Progress:
        """Return how far a model is; nothing yet for a model never committed."""
        return self.models.get(model, Progress())

    def reserved_by_others(
        self, period: str, model: str, models: frozenset[str] | None = None
    ) -> int:
        """Return what other models (of `models`, or all) still hold reserved in a period."""
        return sum(
            n
            for name, n in self.reserved.get(period, {}).items()
            if name != model and (models is None or name in models)
        )

    def fenced(self, epoch: int, poller: str) -> bool:
        """Say whether another poller owns the ledger, seen from (epoch, poller)."""
        return self.epoch > epoch or (self.epoch == epoch and self.poller != poller)


def sql_fingerprint(model: Model) -> str:
    """Return a text that changes when what the watermark means changes.

    White space around the statement does not count; the key, the watermark column and the
    statement do.
    """
    # `partition_by` belongs to it: with another one a key would stand in two partitions.
    parts = (
        model.sql.strip().rstrip(";").strip(),
        model.primary_key,
        model.watermark,
        model.partition_by or "",
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
