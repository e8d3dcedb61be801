"""The published rate limits, held over a rolling window.

Iterable's limiter is said to be a leaky bucket, which forgives a short burst. This one forgives
nothing: in no rolling window are more calls let through than the table says. A worker that never
sees a 429 here will see none there. Endpoints that publish no limit have none here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so many seconds; `per` is the word Iterable uses for that time."""

    calls: int
    per: str

    @property
    def window_seconds(self) -> float:
        return {"second": 1.0, "minute": 60.0}[self.per]


# Method and path template, as in Iterable's own API description of 2026-03-25.
LIMITS: dict[str, Limit] = {
    "POST /api/users/bulkUpdate": Limit(5, "second"),
    "POST /api/users/update": Limit(500, "second"),
    "GET /api/users/getByEmail": Limit(100, "second"),
    "GET /api/users/byUserId": Limit(100, "second"),
    "GET /api/users/byUserId/{userId}": Limit(100, "second"),
    "GET /api/users/{email}": Limit(100, "second"),
    "DELETE /api/users/{email}": Limit(100, "second"),
    "DELETE /api/users/byUserId/{userId}": Limit(100, "second"),
    "GET /api/users/getFields": Limit(3, "second"),
    "POST /api/events/track": Limit(2000, "second"),
    "POST /api/events/trackBulk": Limit(10, "second"),
    "GET /api/events/{email}": Limit(100, "second"),
    "GET /api/events/byUserId/{userId}": Limit(100, "second"),
    "GET /api/lists": Limit(100, "second"),
    "GET /api/lists/getUsers": Limit(5, "minute"),
    "GET /api/lists/{listId}/size": Limit(5, "minute"),
    "GET /api/export/data.json": Limit(4, "minute"),
}


class RateLimiter:
    """Lets a call through or not. A refused call uses nothing up."""

    def __init__(self) -> None:
        self._passed: dict[str, deque[float]] = {}

    def allows(self, route: str, now: float, scale: float) -> bool:
        """Whether a call to `METHOD /path` may pass at `now`; if so it is counted.

        `scale` stretches the rate: 2.5 calls a second are 2 calls in any 0.8 seconds.
        """
        limit = LIMITS.get(route)
        if limit is None:
            return True
        rate = limit.calls * scale
        calls = max(1, int(rate))
        window_seconds = limit.window_seconds * calls / rate
        passed = self._passed.setdefault(route, deque())
        while passed and passed[0] <= now - window_seconds:
            passed.popleft()
        if len(passed) >= calls:
            return False
        passed.append(now)
        return True
