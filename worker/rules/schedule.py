"""When a model is polled next."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_interval(text: str) -> float:
    """Return the seconds in `30s`, `5m`, `24h` or `1d`; ValueError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError("write an interval as a number and a unit: 30s, 5m, 24h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def next_poll(started_at: float, interval_seconds: float, now: float) -> float:
    """Return when to poll after a poll that started at `started_at`: now, if that was missed."""
    return max(now, started_at + interval_seconds)
