"""The date formats Iterable recognises in a string, and the one form it gives back.

Not a date, although it looks like one: `2020-04-13 14:04:09.000` (a blank *and* milliseconds).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

_DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_OFFSET = r"[+-]\d\d:\d\d"
_DATE = re.compile(
    rf"{_DAY}(?: {_TIME}(?: {_OFFSET})?|T{_TIME}\.\d{{3}}(?:Z|{_OFFSET}))?", re.ASCII
)
_DAY_LENGTH = len("2026-01-31")
_STORED = re.compile(rf"{_DAY} {_TIME} \+00:00", re.ASCII)


def is_date(text: str) -> bool:
    """Whether Iterable would make a date field of this first value."""
    return stored_form(text) is not None


def stored_form(text: str) -> str | None:
    """The date as reads show it, `2026-01-31 23:59:59 +00:00`; None if it is no date."""
    if _STORED.fullmatch(text) is not None and text[8:10] < "29":
        return text  # what a careful worker sends, thousands of times a call
    if _DATE.fullmatch(text) is None or not _is_day(text[:10]):
        return None
    if len(text) == _DAY_LENGTH:
        return f"{text} 00:00:00 +00:00"
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")
    except (ValueError, OverflowError):  # an offset of 99 hours, or one that leaves the year 1
        return None


@lru_cache(maxsize=4096)  # the days of a run are few, and reading one costs 1 µs
def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:  # 30 February, the year 0
        return False
    return True


def from_seconds(seconds: float) -> str:
    """A point in time in the form reads show."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")
