"""What the ledger holds: progress and MQR, in one record what must become true together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connectors.records.rows import Position


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
