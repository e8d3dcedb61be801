"""Object `users`: profiles, by `POST /api/users/bulkUpdate`.

Update mode never creates a profile. The documented fast way needs no look-up: in an e-mail-based
project a row matched by userId with `preferUserId: false` and no e-mail only updates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from connectors.iterable.answers import Mode, check, outcomes, users_meaning
from connectors.iterable.client import IterableClient
from connectors.ports import CallLimits
from connectors.records import Item, MappedRow, Outcome

PATH = "/api/users/bulkUpdate"
PROBE_PATH = "/api/lists"
# 4 MB are permitted; whether that is 4,000,000 or 4,194,304 is not documented.
MAX_BODY_BYTES = 3_500_000
MAX_ROWS = 1_000
PUBLISHED_CALLS_PER_SECOND = 5.0

# <= 52 characters, printable ASCII, no space at either end.
_USER_ID = re.compile(r"[!-~](?:[ -~]{0,50}[!-~])?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")

_HEAD = b'{"users":['
_TAIL = b'],"createNewFields":true}'


@dataclass(frozen=True, slots=True)
class UsersPolicy:
    """How rows meet profiles."""

    mode: Mode
    match: Literal["email", "userId"]
    project_type: Literal["email", "userId", "hybrid"]


class IterableUsers:
    """The Destination port for profiles."""

    def __init__(
        self,
        client: IterableClient,
        policy: UsersPolicy,
        calls_per_second: float = PUBLISHED_CALLS_PER_SECOND,
    ) -> None:
        self._client = client
        self._policy = policy
        self._limits = CallLimits(PATH, calls_per_second, MAX_ROWS, MAX_BODY_BYTES)
        by_user_id = policy.match == "userId"
        self._flags = (
            {"preferUserId": policy.mode == "upsert"}
            if by_user_id and policy.project_type == "email"
            else {}
        )

    @property
    def limits(self) -> CallLimits:
        return self._limits

    @property
    def removes(self) -> bool:
        return False  # a profile outlives its row

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | None:  # noqa: ARG002  # one profile, whatever its row's key
        """Return the item of the call, or None when the identity can't be one."""
        if self._policy.match == "email":
            identity = row.identity.strip().lower()
            valid = _EMAIL.fullmatch(identity) is not None
        else:
            identity = row.identity
            valid = _USER_ID.fullmatch(identity) is not None
        if not valid:
            return None
        body = orjson.dumps({self._policy.match: identity, **self._flags, "dataFields": row.fields})
        # A kept result of orjson holds 4 KB whatever its length: 30,000 waiting rows would be
        # 120 MB. The copy holds what it needs.
        return Item(identity, bytes(memoryview(body)), identity)

    async def probe(self) -> None:
        """Ask for the lists: 100 calls a second are permitted, and it needs the same key."""
        check(await self._client.get(PROBE_PATH))

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        """Make one bulk call; one outcome per item, in order."""
        body = _HEAD + b",".join(item.body for item in items) + _TAIL
        reply = await self._client.post(PATH, body)
        return outcomes(reply, items, users_meaning(self._policy.mode))

    async def close(self) -> None:
        await self._client.close()
