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
from connectors.iterable.envelope import Envelope, open_envelope
from connectors.iterable.identity import Match, identity_of
from connectors.ports import DirectoryLimits
from connectors.records import RejectReason

LIMITS = DirectoryLimits(look_ups_per_second=100.0, exports_per_minute=4.0)
MAX_LINE_BYTES = 64 * 1024
_EXPORT = "/api/export/data.json?dataTypeName=user&range=All&onlyFields="
_LOOK_UP = {"email": "/api/users/getByEmail?email=", "userId": "/api/users/byUserId?userId="}
_ABSENT_CODES = frozenset(
    {
        "error.users.noUserWithIdExists",
        "UnknownUserIdError",
        "UnknownEmailError",
        "ForgottenUserError",
    }
)
_ABSENT_TEXT = "No user with that id exists"
_ROW_STATUSES = frozenset({400, 404, 409, 410, 422})
_TOO_LONG = frozenset({414, 431})  # a URL, for who answers before Iterable does
_INVALID_CODES = frozenset({"BadParams", "InvalidEmailAddressError", "InvalidUserIdError"})


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
        """Make one call; say whether there is such a profile. RefusedError: it can't be one."""
        reply = await self._client.get(_LOOK_UP[self._match] + quote(identity, safe=""))
        envelope = open_envelope(reply.body)
        if not _is_ok(reply):
            if reply.status in _ROW_STATUSES and _says_nobody(envelope):
                return False
            _blame(reply, envelope.code)
        return _is_somebody(_object(reply.body))

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


def _is_somebody(answer: dict[str, Any] | None) -> bool:
    """Say whether a success shows a profile; an object without one shows that there is none."""
    if answer is None or (answer and "user" not in answer):
        raise _unreadable("look-up")
    user = answer.get("user") or {}
    if not isinstance(user, dict):
        raise _unreadable("look-up")
    return bool(user.get("email") or user.get("userId"))


def _says_nobody(envelope: Envelope) -> bool:
    return envelope.code in _ABSENT_CODES or _ABSENT_TEXT in envelope.message


def _blame(reply: Reply, code: str) -> None:
    """Raise what a refused look-up means: one identifier was asked about, so it is at fault."""
    try:
        check(reply)
    except (RefusedError, TooLargeError, ConfigurationError) as error:
        if isinstance(error, ConfigurationError) and reply.status not in _TOO_LONG:
            raise
    reason = RejectReason.INVALID_IDENTITY if code in _INVALID_CODES else RejectReason.UNEXPLAINED
    raise RefusedError(reason.value, http_status=reply.status)


def _refuse(reply: Reply) -> None:
    """Raise what a refused export means: there is no row here that could be at fault."""
    try:
        check(reply)
    except (RefusedError, TooLargeError):
        raise ConfigurationError(
            f"Iterable refuses to say who exists ({reply.status}): check that the key may export, "
            "and the project type of the destination",
            kind="existence",
        ) from None


def _unreadable(what: str) -> RetryableError:
    return RetryableError(f"Iterable's {what} broke off or is no such thing", kind="unreadable")
