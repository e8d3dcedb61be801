"""Which rows a poll reads: pure arithmetic on watermark text.

    watermark in the ledger          2026-11-24 08:45:00.123456789
    - overlap (15 min)               2026-11-24 08:30:00.123456789   first chunk starts here
    source clock - settle delay      2026-11-24 09:59:30.000000000   and ends before here

Rows whose transaction commits late appear below the watermark: the overlap re-reads them, and the
index knows which of the re-read rows are old news.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.records import Position

NS = 1_000_000_000
_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{9})")


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """How far back and how close to now a poll reads, and how much of it at once.

    One statement returns up to `max_rows`; the ledger is written every `commit_rows` of them, since
    that many new keys of 16 bytes still fit into one record.
    """

    overlap_seconds: float = 900.0
    settle_delay_seconds: float = 30.0
    max_rows: int = 500_000
    commit_rows: int = 50_000


def to_ns(text: str) -> int:
    """Return nanoseconds since 1970 UTC of watermark text; ValueError for any other text."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("a watermark is written YYYY-MM-DD HH:MM:SS.NNNNNNNNN")
    year, month, day, hour, minute, second, fraction = (int(g) for g in match.groups())
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * NS + fraction


def to_text(ns: int) -> str:
    """Return watermark text of nanoseconds since 1970 UTC, always with nine digits."""
    seconds, fraction = divmod(ns, NS)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    # Not strftime: it writes the year 999 with three digits.
    return f"{moment.replace(tzinfo=None).isoformat(' ', 'seconds')}.{fraction:09d}"


def start_of_poll(watermark: Position | None, policy: WindowPolicy) -> Position | None:
    """Return where the first chunk of a poll starts: the overlap below the watermark."""
    if watermark is None:
        return None
    if policy.overlap_seconds <= 0:
        return watermark
    return Position(to_text(to_ns(watermark.value) - int(policy.overlap_seconds * NS)))


def upper_bound(source_clock_ns: int, policy: WindowPolicy) -> str:
    """Return the text before which rows are settled, by the source's own clock."""
    return to_text(source_clock_ns - int(policy.settle_delay_seconds * NS))


def advance(watermark: Position | None, read: Position) -> Position:
    """Return the watermark after a chunk that ended at `read`: it never moves back.

    While the overlap is re-read, `read` is below the watermark; that changes nothing.
    """
    if watermark is None:
        return read
    return max(watermark, read, key=lambda p: (p.value, p.key or ""))
