"""Forecast: how many records a billing period will have counted at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from worker.rules.mqr import MqrPolicy, period_end

_DAY_SECONDS = 86_400
LAST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a period is heading. `limit_met_at` is None when that is not before its end.

    `per_day` is None while no whole day behind the first can tell; `at_end` is what is taken then.
    """

    per_day: float | None
    at_end: int
    limit_met_at: datetime | None


def forecast(
    counted: Mapping[date, int], taken: int, period: str, policy: MqrPolicy, now_ns: int
) -> Forecast:
    """Return the forecast from what was counted on each day of the period.

    The mean of up to seven whole days goes on to the end. The first day on which anything was
    counted is left out: all that it reads is new, 300,000 records where the next day adds 15,000.
    """
    now = datetime.fromtimestamp(now_ns / 1e9, tz=UTC)
    per_day = _per_day(counted, now.date())
    end = period_end(period, policy)
    days_left = max(0.0, (end - now).total_seconds() / _DAY_SECONDS)
    met: datetime | None = now
    if taken < policy.limit:
        left = (policy.limit - taken) / per_day if per_day else days_left
        met = now + timedelta(days=left) if left < days_left else None
    return Forecast(per_day, taken + round((per_day or 0.0) * days_left), met)


def _per_day(counted: Mapping[date, int], today: date) -> float | None:
    if not counted:
        return None
    first = min(counted)
    days = [today - timedelta(days=n) for n in range(1, LAST_DAYS + 1)]
    whole = [counted.get(day, 0) for day in days if day > first]
    return sum(whole) / len(whole) if whole else None
