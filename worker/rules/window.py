"""How far back and how close to now a poll reads, and how the watermark moves.

    watermark in the ledger          2026-11-24 08:45:00.123456789
    - overlap (15 min)               2026-11-24 08:30:00.123456789   first statement starts here
    source clock - settle delay      2026-11-24 09:59:30.000000000   and ends before here

Rows whose transaction commits late appear below the watermark: the overlap re-reads them, and the
index knows which of the re-read rows are old news.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.records import Position

# Near the MQR limit a statement may return no more than what is left. Below a 500th of what a poll
# has to read it stops instead: else the last thousand records would cost a million statements.
MIN_ROWS = 100
MAX_STATEMENTS = 500


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """How far back and how close to now a poll reads, and how much of it at once.

    One statement returns up to `max_rows`; the ledger is written every `commit_rows` of them, since
    that many new keys of 16 bytes still fit into one record. `overlap_numbers` stands for
    `overlap_seconds` where the watermark is a counter.
    """

    overlap_seconds: float = 900.0
    settle_delay_seconds: float = 30.0
    max_rows: int = 500_000
    commit_rows: int = 50_000
    overlap_numbers: int = 10_000


def least_rows(to_read: int) -> int:
    """Return the fewest rows that a statement must be permitted for a poll to go on."""
    return min(to_read, max(MIN_ROWS, to_read // MAX_STATEMENTS))


def advance(watermark: Position | None, read: Position) -> Position:
    """Return the watermark after a chunk that ended at `read`: it never moves back.

    While the overlap is re-read, `read` is below the watermark; that changes nothing. Both were
    reached, so whichever is taken nothing above it is skipped.
    """
    if watermark is None:
        return read
    return max(watermark, read, key=_order)


def earlier(start: Position | None, other: Position | None) -> Position | None:
    """Return the earlier of two starts; None is the very beginning."""
    if start is None or other is None:
        return None
    return min(start, other, key=_order)


def _order(position: Position) -> tuple[int, str, str]:
    # Times and dates sort as text; numbers don't: "10" < "9".
    value = position.value
    number = value.removeprefix("-").isdigit()
    return int(value) if number else 0, "" if number else value, position.key or ""
