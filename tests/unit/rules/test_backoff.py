"""Waits grow to a cap, are spread over their range, and give way to the remote's own."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from worker.rules.backoff import BackoffPolicy, backoff_seconds

POLICY = BackoffPolicy(0.5, 60.0)


@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_a_wait_is_never_above_its_ceiling(attempt: int, dice: random.Random) -> None:
    """Also after ten thousand attempts, where 2 to the power of them is no float any more."""
    wait = backoff_seconds(POLICY, attempt, dice)

    assert 0.0 <= wait <= min(60.0, 0.5 * 2.0 ** min(attempt - 1, 100))


def test_waits_are_spread_over_the_whole_range() -> None:
    """Full jitter: a thousand processes that failed together do not come back together."""
    dice = random.Random(1)
    waits = [backoff_seconds(POLICY, 20, dice) for _ in range(1_000)]

    assert (min(waits) < 2.0, max(waits) > 58.0) == (True, True)
    assert 27.0 < sum(waits) / 1_000 < 33.0


@given(st.integers(1, 100), st.floats(0.0, 600.0))
def test_the_remotes_wait_wins(attempt: int, asked: float) -> None:
    """`Retry-After: 7` is 7 seconds, whatever the attempt."""
    assert asked == backoff_seconds(POLICY, attempt, random.Random(1), asked)
