"""When a model is polled next: each of its syncs has a schedule, the earliest one decides.

    every: 1h             polls start at 8:00, 9:00 (and last until 11:20), 11:20, 12:20
    cron: "45 8 * * *"    polls start at 8:45 of each day
    continuous: 30s       polls start 30 s after the last one ended

Times are wall-clock seconds since 1970.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CRON_FORM = (
    "write five fields, minute hour day-of-month month day-of-week, "
    "in quotes: '45 8 * * *' is each day at 8:45"
)
# A sleep ends a moment early when the wall clock is set back meanwhile: what then starts at
# 8:44:59.8 is the poll of 8:45, not one before it.
_EARLY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed time after the last poll's start."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of a cron expression on the wall clock of a time zone.

    ValueError when it is no cron expression, never comes true, or there is no such zone.
    Around a change to or from summer time it does what cron does. A fixed time of day that is
    skipped comes right after the gap, and one that is there twice comes the first time only; with
    a `*` in front of the minute or the hour, what is skipped is left out and both passes count.
    """

    expression: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        parse_cron(self.expression)
        parse_zone(self.zone)


@dataclass(frozen=True, slots=True)
class Continuous:
    """A fixed time after the last poll's end."""

    seconds: float


Schedule = Every | Cron | Continuous
DAILY = Every(86_400.0)


def parse_interval(text: str) -> float:
    """Return the seconds in `30s`, `5m`, `24h` or `1d`; ValueError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if match is None:
        raise ValueError("write an interval as a number and a unit: 30s, 5m, 24h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def interval_text(seconds: float) -> str:
    """Return an interval as it is written in the file: 86400 is `24h`."""
    for unit in ("h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"


def parse_cron(text: str) -> str:
    """Return a cron expression; ValueError when it is none or never comes true."""
    expression = " ".join(text.split())
    # The library would take a sixth field for seconds.
    if expression.count(" ") != 4:
        raise ValueError(f"not a cron expression; {_CRON_FORM}")
    try:
        # It looks 50 years ahead; the rarest day, a 29 February of one weekday, comes every 40.
        first = next(CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}; {_CRON_FORM}") from None
    if first is None:
        raise ValueError(f"no day is ever like that; {_CRON_FORM}")
    return expression


def parse_zone(text: str) -> str:
    """Return the name of an IANA time zone; ValueError when there is none of that name."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone; write one like UTC or America/Los_Angeles") from None
    return text


def in_words(schedule: Schedule) -> str:
    """Return a schedule as an operator reads it."""
    match schedule:
        case Every(seconds):
            return f"every {interval_text(seconds)}"
        case Cron(expression, zone):
            return f"at '{expression}' in {zone}"
        case Continuous(seconds):
            return f"{interval_text(seconds)} after the end of each poll"
        case never:
            assert_never(never)


def next_poll(schedules: Sequence[Schedule], started_at: float, ended_at: float) -> float:
    """Return when the poll after one that ran from `started_at` to `ended_at` starts.

    Never before `ended_at`; at once when one was missed meanwhile, however many were.
    `schedules` holds at least one.
    """
    return max(ended_at, min(_wanted(s, started_at, ended_at) for s in schedules))


def _wanted(schedule: Schedule, started_at: float, ended_at: float) -> float:
    # Started on Tuesday at 9:00, then the clock was set right: it is Monday, 8:00. Counted from
    # Tuesday an hourly model would not be polled for a day.
    started_at = min(started_at, ended_at)
    match schedule:
        case Every(seconds):
            return started_at + seconds
        case Cron():
            return _moment_after(started_at + _EARLY_SECONDS, schedule)
        case Continuous(seconds):
            return ended_at + seconds
        case never:
            assert_never(never)


def _moment_after(moment: float, cron: Cron) -> float:
    local = datetime.fromtimestamp(moment, ZoneInfo(cron.zone))
    comes = (found.timestamp() for found in CronSim(cron.expression, local))
    # At the second 2:10 of an autumn night the library answers `30 2 * * *` with the first 2:30,
    # which is over: polls would follow one another without a pause until the second one.
    # No moment at all is left where every day it could be has just that hour skipped.
    return next((found for found in comes if found > moment), math.inf)
