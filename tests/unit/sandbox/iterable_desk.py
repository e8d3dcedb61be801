"""Calls on a sandbox project without a socket, and a clock that stands until it is moved."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.sandbox.iterable import Options, ProjectType, Settings
from connectors.sandbox.iterable.calls import Answer, Call
from connectors.sandbox.iterable.door import Door

NOON_SECONDS = 1_767_268_800.0  # 2026-01-01 12:00:00 UTC


class Desk:
    """One project behind its door; `send` gives the status and the body of the answer."""

    def __init__(self, kind: ProjectType = ProjectType.EMAIL, **settings: Any) -> None:
        chosen = Settings()
        chosen.turn(settings)
        self.now_seconds = NOON_SECONDS
        self.door = Door(Options(project_type=kind, settings=chosen), lambda: self.now_seconds)

    def send(self, route: str, body: object = None, **parts: str) -> tuple[int, Any]:
        """Send a call; `parts` stand in the path and the query alike."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        call = Call(route.partition(" ")[2], parts, parts, raw)
        return read(self.door.answer(route, call, None))

    def bulk(self, *users: object, **flags: object) -> Any:
        """Send a bulkUpdate that must be taken, and return its envelope."""
        status, envelope = self.send("POST /api/users/bulkUpdate", {"users": users, **flags})
        assert status == 200, envelope
        return envelope

    def fields(self, email: str) -> dict[str, Any] | None:
        """The dataFields a read shows for this e-mail; None if there is no such user."""
        _, body = self.send("GET /api/users/getByEmail", email=email)
        found: dict[str, Any] | None = body.get("user", {}).get("dataFields")
        return found


def read(answer: Answer) -> tuple[int, Any]:
    """The status, and the body as JSON where it is JSON."""
    raw = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    if answer.content_type != "application/json":
        return answer.status, raw.decode()
    return answer.status, orjson.loads(raw)
