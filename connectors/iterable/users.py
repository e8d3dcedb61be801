"""Object `users`: profiles, by `POST /api/users/bulkUpdate`.

Update mode never creates a profile. The documented fast way needs no look-up: in an e-mail-based
project a row matched by userId with `preferUserId: false` and no e-mail only updates. Elsewhere
only rows of profiles that exist come here, or the call says `updateOnly`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.iterable.answers import Existence, Mode, answered, check, users_meaning
from connectors.iterable.bulk import MAX_BODY_BYTES, MAX_ROWS, PROBE_PATH, encoded
from connectors.iterable.client import IterableClient
from connectors.iterable.identity import Match, ProjectType, identity_of
from connectors.ports import CallLimits
from connectors.records import Answer, Item, MappedRow

PATH = "/api/users/bulkUpdate"
PUBLISHED_CALLS_PER_SECOND = 5.0

_HEAD = b'{"users":['


@dataclass(frozen=True, slots=True)
class UsersPolicy:
    """How rows meet profiles.

    `existence` is how update mode knows who exists. `update_only` asks for it in the call; Iterable
    must have switched that on for the project, or it creates unknown users all the same. With
    `merge_nested` an object keeps the members that a row does not bring, one level deep; without,
    it is replaced. With `create_fields` the project gets the fields that it does not have; without,
    it leaves them out.
    """

    mode: Mode
    match: Match
    project_type: ProjectType
    existence: Existence | None = None
    merge_nested: bool = False
    create_fields: bool = True


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
        if policy.merge_nested:
            self._flags["mergeNestedObjects"] = True
        only = b',"updateOnly":true' if policy.existence == "update_only" else b""
        self._tail = b'],"createNewFields":%b%b}' % (encoded(policy.create_fields), only)
        self._meaning = users_meaning(policy.mode, policy.existence)

    @property
    def limits(self) -> CallLimits:
        return self._limits

    @property
    def removes(self) -> bool:
        return False  # a profile outlives its row

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | None:  # noqa: ARG002  # one profile, whatever its row's key
        """Return the item of the call, or None when the identity can't be one."""
        identity = identity_of(self._policy.match, row.identity)
        if identity is None:
            return None
        body = encoded({self._policy.match: identity, **self._flags, "dataFields": row.fields})
        return Item(identity, body, identity)

    async def probe(self) -> None:
        """Ask for the lists: 100 calls a second are permitted, and it needs the same key."""
        check(await self._client.get(PROBE_PATH))

    async def deliver(self, items: Sequence[Item]) -> Answer:
        """Make one bulk call; one outcome per item, in order."""
        body = _HEAD + b",".join(item.body for item in items) + self._tail
        return answered(await self._client.post(PATH, body), items, self._meaning)

    async def close(self) -> None:
        await self._client.close()
