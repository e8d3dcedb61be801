"""Our own pace towards one endpoint: asked, never sleeping.

RateLimit   GCRA: one call at a time, evenly spaced, in one process
TurnLimit   the same pace shared by processes that take turns (rules/turns.py)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from worker.rules.turns import Turns


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """The permitted rate, the share of it we use, and how a 429 is answered."""

    calls_per_second: float
    share: float = 0.9
    tolerance_seconds: float = 0.02
    pause_seconds: float = 1.0
    smallest_factor: float = 0.1
    recovery_seconds: float = 10.0


CLOCK_STEP_SECONDS = 1.0


class Throttle:
    """What 429s made of a pace: a pause, then a factor that climbs back to 1."""

    def __init__(self, policy: RatePolicy, now: float) -> None:
        self._policy = policy
        self._factor = 1.0
        self._since = now
        self.paused_until = now

    def throttled(self, now: float, retry_after_seconds: float | None) -> None:
        """Note a 429: nothing goes out for a while, and then half as fast."""
        pause = self._policy.pause_seconds if retry_after_seconds is None else retry_after_seconds
        if now >= self.paused_until:  # else it is of a call that was out already: the same event
            self._factor = max(self._policy.smallest_factor, self._factor / 2)
        self.paused_until = max(self.paused_until, now + pause)
        self._since = self.paused_until

    def factor(self, now: float) -> float:
        """Return how much of the pace is left: from any factor to 1 in `recovery_seconds`."""
        step = self._policy.recovery_seconds / 10
        while self._factor < 1.0 and now - self._since >= step:
            self._factor = min(1.0, self._factor + 0.1)
            self._since += step
        return self._factor


class RateLimit:
    """The state of one endpoint's budget in one process: GCRA.

    With 90 calls a second a call is due every 11 ms. A sleeper wakes a little late; up to
    `tolerance` of that is given back, so that the average stays at the rate: any window of T
    seconds holds at most (T + tolerance) * rate + 1 calls.
    """

    def __init__(self, policy: RatePolicy, now: float) -> None:
        self._policy = policy
        self._throttle = Throttle(policy, now)
        self._due = now
        self._factor = 1.0

    def ask(self, now: float) -> float:
        """Take the next call if it is due and return 0, else return the seconds until it is."""
        self._factor = self._throttle.factor(now)
        due = max(self._due, self._throttle.paused_until)
        if now < due:
            return due - now
        late = min(now - due, self._policy.tolerance_seconds)
        self._due = now - late + 1.0 / self.rate
        return 0.0

    def throttled(self, now: float, retry_after_seconds: float | None = None) -> None:
        """Note a 429: nothing goes out for a while, and then half as fast."""
        self._throttle.throttled(now, retry_after_seconds)
        self._factor = self._throttle.factor(now)

    @property
    def rate(self) -> float:
        """Calls a second we allow ourselves right now."""
        return self._policy.calls_per_second * self._policy.share * self._factor


class TurnLimit:
    """One endpoint's budget, of which this process has the turns of its partitions.

    A call may leave up to `lateness` after its turn began. At a share of 0.9 six turns of five
    calls a second span 1.11 s, so six calls would have to be 111 ms apart in lateness to fall into
    one second: a quarter of that is allowed, the rest is for the way there.
    """

    def __init__(self, policy: RatePolicy, turns: Turns, now: float) -> None:
        self._policy = policy
        self._turns = turns
        self._throttle = Throttle(policy, now)
        self._slot_seconds = 1.0 / (policy.calls_per_second * policy.share)
        self._lateness = max(policy.tolerance_seconds, min(0.1, (1 / policy.share - 1) / 4))
        self._next = 0
        self._ahead = 0.0  # of the wall clock before the other
        self._debt = 0.0

    def ask(self, now: float, wall: float) -> float:
        """Take our turn if it is one and return 0, else the seconds until there may be one."""
        if now < self._throttle.paused_until:
            return self._throttle.paused_until - now
        earliest = math.ceil((wall - self._lateness) / self._slot_seconds)
        length = self._turns.round_length(wall)
        ahead, self._ahead = self._ahead, wall - now
        if self._ahead < ahead - CLOCK_STEP_SECONDS:
            self._next = earliest  # the clock was set back
        slot = self._ours_from(max(self._next, earliest), length)
        if slot is None:
            return self._slot_seconds * max(length, 1)
        due = slot * self._slot_seconds
        if due > wall:
            return due - wall
        self._next = self._after(slot, length, self._throttle.factor(now))
        return 0.0

    def throttled(self, now: float, retry_after_seconds: float | None = None) -> None:
        """Note a 429: nothing goes out for a while, and then in every second turn."""
        self._throttle.throttled(now, retry_after_seconds)

    def rate(self, now: float, wall: float) -> float:
        """Return the calls a second we allow ourselves right now."""
        return self._turns.share(wall) * self._throttle.factor(now) / self._slot_seconds

    def _ours_from(self, slot: int, length: int) -> int | None:
        for candidate in range(slot, slot + length):
            if self._turns.is_ours(candidate, candidate * self._slot_seconds):
                return candidate
        return None

    def _after(self, slot: int, length: int, factor: float) -> int:
        # At a factor of 0.4 one and a half turns of ours are left out for each that is taken.
        self._debt += 1.0 / factor - 1.0
        while self._debt >= 1.0:
            self._debt -= 1.0
            slot = self._ours_from(slot + 1, length) or slot
        return slot + 1
