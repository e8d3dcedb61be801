"""Dates and times as text, from the numbers that a row holds.

The texts of days and minutes are looked up: making a datetime of each would cost five times as
much, and a row has half a dozen of them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from worker.rules.mapping.sources import UnmappableError

_EPOCH_DATE = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock without a zone
MICROSECOND = timedelta(microseconds=1)
_MINUTES = [f" {hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_SECONDS = [f":{second:02} +00:00" for second in range(60)]


@lru_cache(maxsize=4096)  # 11 years of days
def day_text(days: int) -> str:
    """Return a day as text, from its number since 1970: `2026-11-04`."""
    try:
        return (_EPOCH_DATE + timedelta(days)).isoformat()
    except OverflowError:
        raise UnmappableError("a date lies outside the years 1 to 9999") from None


def moment_text(microseconds: int) -> str:
    """Return a moment, in microseconds since 1970 UTC, in the one form Iterable takes and shows.

    `2026-11-04 08:45:01 +00:00`: with fractions it would refuse it.
    """
    minutes, second = divmod(microseconds // 1_000_000, 60)
    days, minute = divmod(minutes, 1_440)
    return day_text(days) + _MINUTES[minute] + _SECONDS[second]


def time_text(microseconds: int) -> str:
    """Return a time of day, in microseconds since midnight, without fractions: `08:45:01`."""
    minutes, second = divmod(microseconds // 1_000_000, 60)
    if not 0 <= minutes < 1_440:
        raise UnmappableError("a time lies outside the day")
    return _MINUTES[minutes][1:] + _SECONDS[second][:3]


def iterable_date(value: datetime) -> str:
    """Return a moment in the one form Iterable takes and shows; without a zone it is UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return moment_text((value - _EPOCH) // MICROSECOND)
