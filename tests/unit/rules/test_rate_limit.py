"""No window of time holds more calls than permitted, and nearly none of the budget is lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rules.rate_limit import RateLimit, RatePolicy

DEFAULT = RatePolicy(5.0)
PUBLISHED_PER_SECOND = 5


def busiest(moments: list[float], window_seconds: float) -> int:
    """Return the most calls any window holds that starts with a call and excludes its end."""
    most = 0
    last = 0
    for first, start in enumerate(moments):
        last = max(last, first)
        while last < len(moments) and moments[last] < start + window_seconds:
            last += 1
        most = max(most, last - first)
    return most


@given(st.lists(st.floats(0.0, 0.6), min_size=1, max_size=300))
def test_no_rolling_second_holds_more_than_five(gaps: list[float]) -> None:
    """Whenever somebody asks: of 5 a second published, at 90 %, never a sixth."""
    limit, now, passed = RateLimit(DEFAULT, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        if limit.ask(now) == 0.0:
            passed.append(now)

    assert busiest(passed, 1.0) <= PUBLISHED_PER_SECOND
    assert busiest(passed, 10.0) <= (10.0 + 0.02) * 4.5 + 1


@given(st.lists(st.floats(0.0, 0.3), min_size=1, max_size=200), st.floats(0.0, 1.0))
def test_late_sleepers_never_overrun(delays: list[float], idle: float) -> None:
    """A sleeper that wakes late, by little or by much, gains no burst; not after idling either."""
    limit, now, passed = RateLimit(DEFAULT, 0.0), idle, []
    for late in delays:
        while (wait := limit.ask(now)) > 0.0:
            now += wait + late
        passed.append(now)

    assert busiest(passed, 1.0) <= PUBLISHED_PER_SECOND


def test_a_backlog_uses_98_percent_of_the_rate() -> None:
    """300 s of sleepers that wake up to 15 ms late: what they lose is given back."""
    dice = random.Random(3)
    limit, now, passed = RateLimit(DEFAULT, 0.0), 0.0, 0
    while now < 300.0:
        wait = limit.ask(now)
        if wait == 0.0:
            passed += 1
        else:
            now += wait + dice.uniform(0.0, 0.015)

    assert passed >= 0.98 * 4.5 * 300


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of nothing two calls are as far apart as ever."""
    limit = RateLimit(DEFAULT, 0.0)
    assert 0.0 == limit.ask(3_600.0)
    assert limit.ask(3_600.0) >= 1 / 4.5 - DEFAULT.tolerance_seconds - 1e-9


def test_the_wait_told_is_enough() -> None:
    """Who comes back after exactly the seconds told gets the call."""
    limit = RateLimit(RatePolicy(3.0, share=1.0), 0.0)
    assert 0.0 == limit.ask(0.0)
    assert 0.0 == limit.ask(limit.ask(0.0))


@pytest.mark.parametrize(("asked", "pause"), [(None, 1.0), (7.5, 7.5), (0.0, 0.0)])
def test_a_429_pauses_as_long_as_asked(asked: float | None, pause: float) -> None:
    """The remote's own wait wins over ours."""
    limit = RateLimit(RatePolicy(4.0, share=1.0, tolerance_seconds=0.0), 0.0)
    limit.throttled(100.0, asked)

    assert pause == limit.ask(100.0)


def test_every_429_halves_the_rate_down_to_a_tenth() -> None:
    """4, 2, 1, 0.5, then 0.4 for good."""
    limit = RateLimit(RatePolicy(4.0, share=1.0), 0.0)
    rates = [limit.rate]
    for second in range(5):
        limit.throttled(2.0 * second)
        rates.append(limit.rate)

    assert [4.0, 2.0, 1.0, 0.5, 0.4, 0.4] == pytest.approx(rates)


def test_calls_that_were_out_together_are_one_event() -> None:
    """Six answers of 429 within a pause: half the rate, not a sixty-fourth."""
    limit = RateLimit(RatePolicy(4.0, share=1.0), 0.0)
    for _ in range(6):
        limit.throttled(1.0)

    assert 2.0 == limit.rate


def test_the_rate_climbs_back_within_its_time() -> None:
    """From half to whole in steps of a tenth, a step a second; not before the pause is over."""
    limit = RateLimit(RatePolicy(10.0, share=1.0, recovery_seconds=10.0), 0.0)
    limit.throttled(0.0, 5.0)
    seen = []
    for now in (5.0, 6.0, 7.5, 9.0, 10.0, 60.0):
        limit.ask(now)
        seen.append(limit.rate)

    assert [5.0, 6.0, 7.0, 9.0, 10.0, 10.0] == pytest.approx(seen)


@given(
    st.lists(st.tuples(st.floats(0.0, 0.5), st.booleans()), min_size=1, max_size=200),
)
def test_a_429_never_speeds_anything_up(steps: list[tuple[float, bool]]) -> None:
    """With 429s strewn in, a rolling second still holds at most five calls."""
    limit, now, passed = RateLimit(DEFAULT, 0.0), 0.0, []
    for gap, throttled in steps:
        now += gap
        if throttled:
            limit.throttled(now, None if gap > 0.25 else 0.0)
        elif limit.ask(now) == 0.0:
            passed.append(now)

    assert busiest(passed, 1.0) <= PUBLISHED_PER_SECOND
