"""The forecast says where a billing period is heading, by what its last days added."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.rules.forecast import forecast
from worker.rules.mqr import MqrPolicy, period_end

PERIOD = "2026-11-01"
POLICY = MqrPolicy(limit=1_000)


def at(day: int, hour: int = 0) -> int:
    """A moment of November 2026 in nanoseconds."""
    return int(datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_the_mean_of_whole_days_goes_on_to_the_end() -> None:
    """On the 11th, ten a day since the 2nd: twenty days are left, 200 more."""
    counted = {date(2026, 11, day): 10 for day in range(1, 11)}
    found = forecast(counted, 90, PERIOD, POLICY, at(11))

    assert (10.0, 290, None) == (found.per_day, found.at_end, found.limit_met_at)


def test_the_first_day_does_not_stand_for_the_others() -> None:
    """Everything read on it is new: 500 there, 10 on the next day, 10 a day from then on."""
    counted = {date(2026, 11, 1): 500, date(2026, 11, 2): 10}
    found = forecast(counted, 510, PERIOD, POLICY, at(3))

    assert (10.0, 510 + 280) == (found.per_day, found.at_end)


def test_a_day_that_is_not_over_does_not_count() -> None:
    """At one o'clock today's 2 are no sign of a slow day."""
    counted = {date(2026, 11, day): 10 for day in range(1, 5)} | {date(2026, 11, 5): 2}

    assert 10.0 == forecast(counted, 42, PERIOD, POLICY, at(5, 1)).per_day


def test_the_first_day_foretells_nothing() -> None:
    """A million read at the start is no pace; nor is it when the start was in mid-period."""
    found = forecast({date(2026, 11, 20): 500}, 500, PERIOD, POLICY, at(21, 12))

    assert (None, 500) == (found.per_day, found.at_end)


def test_the_day_on_which_the_limit_is_met() -> None:
    """100 a day with 500 left: in five days."""
    counted = {date(2026, 11, day): 100 for day in range(1, 6)}
    found = forecast(counted, 500, PERIOD, POLICY, at(6))

    assert datetime(2026, 11, 11, tzinfo=UTC) == found.limit_met_at


def test_a_limit_that_is_met_is_met_now() -> None:
    """Also when not a single record is added any more."""
    found = forecast({}, 1_000, PERIOD, POLICY, at(20))

    assert (datetime(2026, 11, 20, tzinfo=UTC), 1_000) == (found.limit_met_at, found.at_end)


@given(
    st.dictionaries(st.integers(0, 29), st.integers(0, 5_000), max_size=30),
    st.integers(0, 29 * 24),
    st.integers(0, 100_000),
)
def test_a_forecast_is_never_below_what_is_taken(
    days: dict[int, int], hours: int, limit: int
) -> None:
    """And the limit is met before the period's end exactly when the forecast passes it."""
    first = date(2026, 11, 1)
    counted = {first + timedelta(days=n): records for n, records in days.items()}
    taken, policy = sum(counted.values()), MqrPolicy(limit=limit)
    found = forecast(counted, taken, PERIOD, policy, at(1) + hours * 3_600_000_000_000)

    assert found.at_end >= taken
    if found.limit_met_at is None:
        assert found.at_end <= limit + 1
    else:
        assert found.limit_met_at <= period_end(PERIOD, policy)
        assert found.at_end >= limit
