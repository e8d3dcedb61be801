"""MQR: distinct primary keys of a model that queries returned in a billing period.

A key counts once a period however often it is read, delivered or replayed; the same key in two
models counts twice. Keys are kept as keyed hashes: an unkeyed hash of an e-mail can be guessed.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

KEY_BYTES = 16
THRESHOLDS_PERCENT = (100, 95, 80)


@dataclass(frozen=True, slots=True)
class MqrPolicy:
    """The contract: how many records a period may query and when a period starts."""

    limit: int = 1_500_000
    on_limit: Literal["stop", "warn"] = "stop"
    start_day: int = 1
    zone: str = "UTC"


def key_hash(secret: bytes, model: str, key: bytes) -> bytes:
    """Return the 16 bytes under which a key is counted.

    128 bits: among ten million keys two share a hash with a chance of 10^-25.
    """
    person = hashlib.blake2b(model.encode(), digest_size=16).digest()
    return hashlib.blake2b(key, digest_size=KEY_BYTES, key=secret, person=person).digest()


def key_hashes(secret: bytes, model: str, keys: Sequence[bytes]) -> list[bytes]:
    """Return `key_hash` of each key; the same, faster for a page."""
    person = hashlib.blake2b(model.encode(), digest_size=16).digest()
    blake = hashlib.blake2b
    return [blake(k, digest_size=KEY_BYTES, key=secret, person=person).digest() for k in keys]


def period_of(moment_ns: int, policy: MqrPolicy) -> str:
    """Return the first day of the billing period a moment falls in, as `2026-11-01`.

    Start day 31 means the last day in shorter months.
    """
    local = datetime.fromtimestamp(moment_ns // 1_000_000_000, tz=UTC).astimezone(
        ZoneInfo(policy.zone)
    )
    year, month = local.year, local.month
    if local.day < _start_day(year, month, policy):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return f"{year:04d}-{month:02d}-{_start_day(year, month, policy):02d}"


def period_end(period: str, policy: MqrPolicy) -> datetime:
    """Return the moment at which a period ends, in UTC."""
    year, month, _ = (int(part) for part in period.split("-"))
    year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    day = _start_day(year, month, policy)
    return datetime(year, month, day, tzinfo=ZoneInfo(policy.zone)).astimezone(UTC)


def overlaps(old: str, period: str, policy: MqrPolicy) -> bool:
    """Say whether a period counted under another start day or zone reaches into one of today's.

    With start day 20 set on the 24th, the period from the 20th begins in the middle of the one
    from the 1st: what that has counted was queried in the new one too, as far as anybody knows.
    """
    first, start = date.fromisoformat(old), date.fromisoformat(period)
    noon = datetime.combine(first, time(12), tzinfo=ZoneInfo(policy.zone))
    regular = period_of(int(noon.timestamp()) * 1_000_000_000, policy) == old
    return old != period and not regular and first > start - timedelta(days=31)


def _start_day(year: int, month: int, policy: MqrPolicy) -> int:
    return min(policy.start_day, calendar.monthrange(year, month)[1])


@dataclass(frozen=True, slots=True)
class MqrUse:
    """What is taken of a period's limit: counted, still held by running queries, or in doubt."""

    period: str
    used: int
    reserved: int = 0
    uncertain: int = 0

    @property
    def taken(self) -> int:
        """All of it."""
        return self.used + self.reserved + self.uncertain

    def with_reserved(self, more: int) -> MqrUse:
        """Return the same with `more` reserved."""
        return replace(self, reserved=self.reserved + more)


def permitted_rows(policy: MqrPolicy, use: MqrUse, wanted: int) -> int:
    """Return how many rows a query may return: each could be a new record.

    `new <= rows <= LIMIT <= remaining`, so the limit cannot be passed, not by one row.
    """
    if policy.on_limit == "warn":
        return wanted
    return max(0, min(wanted, policy.limit - use.taken))


def threshold_reached(used: int, limit: int) -> int:
    """Return the highest threshold in percent of the limit that is reached, or 0."""
    return next((t for t in THRESHOLDS_PERCENT if limit and used * 100 >= limit * t), 0)


def split_keys(joined: bytes) -> list[bytes]:
    """Return the keys of a ledger entry, one by one."""
    return [joined[i : i + KEY_BYTES] for i in range(0, len(joined), KEY_BYTES)]
