"""When an event happened, as Iterable takes it: whole seconds since 1970.

Clients send seconds or milliseconds and Iterable tells them apart by their size; so does this.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import floor, isfinite

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
# As seconds 10^11 is the year 5138; 10^14 is that year in milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_NO_TIME_FROM = 100_000_000_000_000
# 1767268800 is a number of seconds; 20260101 is a date without its hyphens, not a day in 1970.
_SECONDS_FROM = 100_000_000
_DIGITS = re.compile(r"-?[0-9]{9,15}(?:\.[0-9]{0,30})?")


def seconds_of(value: object) -> int | None:
    """Return the moment in seconds, its fraction cut off; None for what is no moment.

    A moment without a zone is UTC, a date its first second.
    """
    if isinstance(value, str):
        return _text(value.strip())
    match value:
        case datetime():
            return _since_epoch(value)
        case date():
            return _since_epoch(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case int() if not isinstance(value, bool):
            return _number(value)
        case float() | Decimal() if _is_finite(value):
            return _number(floor(value))
    return None


def _since_epoch(value: datetime) -> int | None:
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    seconds = (value - _EPOCH) // _SECOND
    # 9999-12-31, which some write for "never", would be taken for milliseconds: a day in 1978.
    return seconds if abs(seconds) < _MILLISECONDS_FROM else None


def _is_finite(value: float | Decimal) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else isfinite(value)


def _number(value: int) -> int | None:
    if not _SECONDS_FROM <= abs(value) < _NO_TIME_FROM:
        return None
    return value // 1000 if abs(value) >= _MILLISECONDS_FROM else value


def _text(value: str) -> int | None:
    if _DIGITS.fullmatch(value):
        return _number(floor(Decimal(value)))
    try:
        # `2026-01-01 12:00:00 +00:00` is how Iterable itself writes it.
        return _since_epoch(datetime.fromisoformat(value.replace(" +", "+").replace(" -", "-")))
    except ValueError:
        return None
