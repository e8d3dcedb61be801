"""How long to wait before the next attempt: full jitter under a growing cap.

    attempt 1 → 0 .. 0.5 s,  2 → 0 .. 1 s,  3 → 0 .. 2 s, …  never above the cap

A wait the remote asked for wins over ours.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The first step and the cap, in seconds."""

    first_seconds: float = 0.5
    cap_seconds: float = 60.0


def backoff_seconds(
    policy: BackoffPolicy, attempt: int, dice: random.Random, asked_seconds: float | None = None
) -> float:
    """Return the wait after failed attempt number `attempt` (counted from 1)."""
    if asked_seconds is not None:
        return asked_seconds
    ceiling = min(policy.cap_seconds, policy.first_seconds * 2.0 ** min(attempt - 1, 30))
    return dice.uniform(0.0, ceiling)
