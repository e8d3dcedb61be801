"""The values that travel: rows on their way to Kafka, messages on their way to Iterable.

Pages travel as one value (a list of rows), never as one object per row through a queue:
per-row cost is the budget.
"""

from __future__ import annotations

from connectors.records.items import DeadLetter, Item, MappedRow
from connectors.records.ledger import LedgerEntry, LedgerRecord
from connectors.records.messages import Change, Message, Operation, Partition
from connectors.records.outcomes import (
    Answer,
    Delivered,
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Undetermined,
    Verdict,
)
from connectors.records.rows import (
    Column,
    ColumnType,
    EpochUnit,
    Model,
    Page,
    Position,
    SnapshotCounts,
    Survey,
    Window,
)

__all__ = [
    "Answer",
    "Change",
    "Column",
    "ColumnType",
    "DeadLetter",
    "Delivered",
    "EpochUnit",
    "Item",
    "LedgerEntry",
    "LedgerRecord",
    "MappedRow",
    "Message",
    "Model",
    "Operation",
    "Outcome",
    "Page",
    "Partition",
    "Position",
    "Postponed",
    "RejectReason",
    "Rejected",
    "SkipReason",
    "Skipped",
    "SnapshotCounts",
    "Survey",
    "Unchanged",
    "Undetermined",
    "Verdict",
    "Window",
]
