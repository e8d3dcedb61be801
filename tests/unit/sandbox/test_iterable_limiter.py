"""In no rolling window more calls pass than the table says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.iterable.journal import busiest_second
from connectors.sandbox.iterable.limiter import LIMITS, RateLimiter
from connectors.sandbox.iterable.routes import ROUTES

BULK = "POST /api/users/bulkUpdate"


def test_the_sixth_bulk_call_within_a_second_is_refused() -> None:
    """Five pass; a second after the first, one more does."""
    limiter = RateLimiter()
    passed = [limiter.allows(BULK, second, 1.0) for second in (0.0, 0.1, 0.2, 0.3, 0.4, 0.99, 1.0)]

    assert passed == [True, True, True, True, True, False, True]


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_rolling_second_holds_more_than_the_limit(moments: list[float]) -> None:
    """Whenever calls come, what passes never exceeds 5 in a second."""
    limiter = RateLimiter()
    passed = [moment for moment in sorted(moments) if limiter.allows(BULK, moment, 1.0)]

    assert busiest_second(passed) <= 5


@pytest.mark.parametrize(("scale", "expected"), [(0.5, 25), (1.0, 50), (10.0, 500), (0.1, 5)])
def test_the_scale_sets_the_exact_rate(scale: float, expected: int) -> None:
    """Over 10 s under pressure: 50 calls times the scale, also where that is no whole number."""
    limiter = RateLimiter()
    passed = sum(limiter.allows(BULK, tick / 512, scale) for tick in range(5120))

    assert expected == pytest.approx(passed, abs=1, rel=0.02)


def test_an_endpoint_without_a_published_limit_is_not_limited() -> None:
    """lists/subscribe publishes none."""
    limiter = RateLimiter()

    assert all(limiter.allows("POST /api/lists/subscribe", 0.0, 1.0) for _ in range(1000))


def test_every_limit_belongs_to_an_endpoint() -> None:
    """A slip in a path would switch a limit off in silence."""
    assert LIMITS.keys() <= ROUTES.keys()
