"""How many calls some rows come to, batched as deliver batches them, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.ports import CallLimits
from worker.rules.batching import Batcher, BatchPolicy, Entry


@dataclass(frozen=True, slots=True)
class Pace:
    """What one call takes, and how many of them a second are permitted."""

    limits: CallLimits
    calls_per_second: float

    def seconds(self, calls: int) -> float:
        """Return how long so many calls take at least."""
        return round(calls / self.calls_per_second, 1)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls with what they carry: `rows` is one for each profile or event."""

    calls: int
    rows: int
    bytes: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "calls": self.calls,
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": self.seconds,
        }


def calls_of(entries: Iterable[Entry], pace: Pace) -> Calls:
    """Return the calls of a backlog of these rows; of two versions the newest goes out."""
    limits = pace.limits
    batcher = Batcher(BatchPolicy(limits.max_rows, limits.max_bytes))
    for entry in entries:
        batcher.add(entry)
    calls = rows = size = 0
    while batch := batcher.take():
        calls += 1
        rows += len(batch)
        size += sum(len(entry.item.body) + 1 for entry in batch)
        batcher.finish(batch)
    return Calls(calls, rows, size, pace.seconds(calls))


def calls_of_all(sample: Calls, looked_at: int, records: int, pace: Pace) -> Calls:
    """Return the calls of `records` that are like those looked at, in full batches."""
    if not sample.rows or not looked_at:
        return Calls(0, 0, 0, 0.0)
    rows = math.ceil(records * sample.rows / looked_at)
    row_bytes = sample.bytes / sample.rows
    rows_per_call = max(1, min(pace.limits.max_rows, int(pace.limits.max_bytes / row_bytes)))
    calls = math.ceil(rows / rows_per_call)
    return Calls(calls, rows, math.ceil(rows * row_bytes), pace.seconds(calls))
