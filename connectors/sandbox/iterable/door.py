"""What every call passes, in Iterable's order: key, rate limit, then a fault on order, then size.

Only then does the endpoint itself look at the body: JSON, field types, field limit, each row.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.sandbox.iterable import replies
from connectors.sandbox.iterable.calls import Answer, Call, RefusedError
from connectors.sandbox.iterable.faults import APPLIED, Fault, FaultKind, FaultQueue
from connectors.sandbox.iterable.limiter import LIMITS, RateLimiter
from connectors.sandbox.iterable.options import Options
from connectors.sandbox.iterable.project import Project
from connectors.sandbox.iterable.routes import ROUTES


class Door:
    """Judges calls and runs the endpoints. It knows no sockets and never waits."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self.project = Project(options, now)
        self.faults = FaultQueue()
        self.keys = {options.api_key}
        self.revoked_keys: set[str] = set()
        self._limiter = RateLimiter()

    def turn_away(self, route: str, key: str, address: str, now: float) -> Answer | None:
        """The refusal of a call with a bad key or over the limit; None lets it in."""
        endpoint = route.partition(" ")[2]
        if key not in self.keys:
            return replies.bad_key(address, endpoint, revoked=key in self.revoked_keys)
        settings = self.project.settings
        if not settings.limits_enabled:
            return None
        if self._limiter.allows(route, now, settings.limit_scale):
            return None
        limit = LIMITS[route]
        return replies.over_limit(endpoint, limit.calls * settings.limit_scale, limit.per)

    def answer(self, route: str, call: Call, fault: Fault | None) -> Answer:
        """The answer to a call that was let in; the fault may stand in for it."""
        if fault is not None and fault.kind not in APPLIED:
            return faulty_answer(fault, call.endpoint)
        self.project.settle()
        cap_bytes = self.project.settings.max_body_bytes
        if len(call.body) > cap_bytes:
            return replies.too_large(call.endpoint, len(call.body), cap_bytes)
        try:
            return ROUTES[route](self.project, call)
        except RefusedError as refusal:
            explained = self.project.settings.explain_refusals
            return refusal.answer if explained else replies.unexplained(refusal.answer)

    def revoke(self, key: str) -> None:
        self.keys.discard(key)
        self.revoked_keys.add(key)

    def restore(self, key: str) -> None:
        """Make the key good, also one that was never known: that is how a key is rotated."""
        self.keys.add(key)
        self.revoked_keys.discard(key)


def faulty_answer(fault: Fault, endpoint: str) -> Answer:
    """The answer a fault gives in place of the endpoint's."""
    later = "Unable to process. Please try again later."
    match fault.kind:
        case FaultKind.TOO_MANY_JSON:
            answer = replies.over_limit(endpoint, 1, "second")
        case FaultKind.TOO_MANY_TEXT:
            answer = Answer.text("Too Many Requests", 429)
        case FaultKind.SERVER_ERROR:
            answer = replies.error(500, "GenericError", later)
        case FaultKind.UNAVAILABLE:
            answer = replies.error(503, "DatabaseError", later)
        case FaultKind.TOO_LARGE:
            answer = replies.error(413, "BatchTooLarge", f"[{endpoint}] Request body is too large")
        case FaultKind.HTML:
            answer = Answer.html("<!DOCTYPE html><html><body>We will be right back</body></html>")
        case _:
            answer = Answer.text("", 302)
    return answer
