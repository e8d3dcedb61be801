"""Our own pace towards one endpoint: GCRA, one call at a time, asked and never sleeping.

With 4.5 calls a second a call is due every 222 ms. A sleeper wakes a little late; up to
`tolerance` of that is given back, so that the average stays at the rate: any window of T seconds
holds at most (T + tolerance) * rate + 1 calls, which for 4.5/s and 20 ms is 5 in one second.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """The permitted rate, the share of it we use, and how a 429 is answered."""

    calls_per_second: float
    share: float = 0.9
    tolerance_seconds: float = 0.02
    pause_seconds: float = 1.0
    smallest_factor: float = 0.1
    recovery_seconds: float = 10.0


class RateLimit:
    """The state of one endpoint's budget."""

    def __init__(self, policy: RatePolicy, now: float) -> None:
        self._policy = policy
        self._due = now
        self._factor = 1.0
        self._owned = 1.0
        self._factor_since = now

    def ask(self, now: float) -> float:
        """Take the next call if it is due and return 0, else return the seconds until it is."""
        self._climb(now)
        if now < self._due:
            return self._due - now
        late = min(now - self._due, self._policy.tolerance_seconds)
        self._due = now - late + 1.0 / self.rate
        return 0.0

    def throttled(self, now: float, retry_after_seconds: float | None = None) -> None:
        """Note a 429: nothing goes out for a while, and then half as fast."""
        pause = self._policy.pause_seconds if retry_after_seconds is None else retry_after_seconds
        self._due = max(self._due, now + pause)
        self._factor = max(self._policy.smallest_factor, self._factor / 2)
        self._factor_since = now + pause

    def owns(self, share: float) -> None:
        """Take only this share of the rate: other processes have the rest."""
        # Without a partition there is nothing to send; the floor only keeps the pace finite.
        self._owned = max(share, 0.01)

    @property
    def rate(self) -> float:
        """Calls a second we allow ourselves right now."""
        return self._policy.calls_per_second * self._policy.share * self._owned * self._factor

    def _climb(self, now: float) -> None:
        # From any factor back to 1 within recovery_seconds, a tenth of the way at a time.
        step = self._policy.recovery_seconds / 10
        while self._factor < 1.0 and now - self._factor_since >= step:
            self._factor = min(1.0, self._factor + 0.1)
            self._factor_since += step
