"""Who exists in a project: one export of identifiers, and look-ups one by one.

The export streams a line for each profile, `{"email":"ann@example.com"}`; a million of them are
never in memory together. That an answer broke off shows in the transfer, or in half a line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from connectors.errors import ConfigurationError, RefusedError, RetryableError, TooLargeError
from connectors.iterable.answers import check
from connectors.iterable.client import IterableClient, Reply
from connectors.iterable.identity import Match, identity_of
from connectors.ports import DirectoryLimits

LIMITS = DirectoryLimits(look_ups_per_second=100.0, exports_per_minute=4.0)
MAX_LINE_BYTES = 64 * 1024
_EXPORT = "/api/export/data.json?dataTypeName=user&range=All&onlyFields="
_LOOK_UP = {"email": "/api/users/getByEmail?email=", "userId": "/api/users/byUserId?userId="}
# Nobody has an identifier that Iterable finds malformed.
_ABSENT_CODES = {
    "error.users.noUserWithIdExists",
    "UnknownUserIdError",
    "UnknownEmailError",
    "InvalidEmailAddressError",
    "InvalidUserIdError",
}
_ABSENT_TEXT = b"No user with that id exists"


class IterableDirectory:
    """The Directory port for profiles."""

    def __init__(self, client: IterableClient, match: Match) -> None:
        self._client = client
        self._match: Match = match

    @property
    def limits(self) -> DirectoryLimits:
        return LIMITS

    async def export(self) -> AsyncIterator[Sequence[str]]:
        """Yield the identifiers of all profiles, some at a time."""
        rest, refusal, reply = b"", b"", Reply(200, b"")
        async for reply in self._client.stream(_EXPORT + self._match):
            if not _is_ok(reply):
                refusal = (refusal + reply.body)[:MAX_LINE_BYTES]
                continue
            *lines, rest = (rest + reply.body).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise _unreadable("export")
            yield self._identities(lines)
        if not _is_ok(reply):
            _refuse(Reply(reply.status, refusal, reply.retry_after_seconds))
        yield self._identities([rest])

    async def exists(self, identity: str) -> bool:
        """Make one call; say whether there is such a profile."""
        reply = await self._client.get(_LOOK_UP[self._match] + quote(identity, safe=""))
        document = _object(reply.body)
        if not _is_ok(reply):
            code = (document or {}).get("code")
            if reply.status < 500 and (code in _ABSENT_CODES or _ABSENT_TEXT in reply.body):
                return False
            _refuse(reply)
        if document is None:
            raise _unreadable("look-up")
        user = document.get("user")
        return isinstance(user, dict) and bool(user.get("email") or user.get("userId"))

    async def close(self) -> None:
        await self._client.close()

    def _identities(self, lines: Sequence[bytes]) -> list[str]:
        found: list[str] = []
        for line in lines:
            if not line.strip():
                continue
            if (profile := _object(line)) is None:
                raise _unreadable("export")
            identity = identity_of(self._match, str(profile.get(self._match) or ""))
            if identity is not None:
                found.append(identity)
        return found


def _is_ok(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _refuse(reply: Reply) -> None:
    """Raise what the answer means: there is no row here that could be at fault."""
    try:
        check(reply)
    except (RefusedError, TooLargeError):
        raise ConfigurationError(
            f"Iterable refuses to say who exists ({reply.status}): check that the key may export "
            "and read users, and the project type of the destination",
            kind="existence",
        ) from None


def _unreadable(what: str) -> RetryableError:
    return RetryableError(f"Iterable's {what} broke off or is no such thing", kind="unreadable")
