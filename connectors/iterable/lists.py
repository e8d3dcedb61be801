"""Object `lists`: membership of a static list, by `POST /api/lists/subscribe` and `/unsubscribe`.

    add     rows subscribe
    remove  rows unsubscribe
    mirror  rows subscribe; rows that left the model, or that the filter leaves out, unsubscribe

`channelUnsubscribe` is always sent, and false: what it is when nobody says it is told in two ways,
and true would silence the whole channel for these people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from connectors.errors import ConfigurationError
from connectors.iterable.answers import Existence, answered, lists_meaning
from connectors.iterable.bulk import MAX_BODY_BYTES, MAX_ROWS, encoded
from connectors.iterable.client import IterableClient
from connectors.iterable.identity import Match, ProjectType, identity_of
from connectors.iterable.static_list import PATH, StaticList
from connectors.ports import CallLimits
from connectors.records import Answer, Item, MappedRow

SUBSCRIBE = "subscribe"
UNSUBSCRIBE = "unsubscribe"
# No limit is published for these two.
CALLS_PER_SECOND = 5.0


@dataclass(frozen=True, slots=True)
class ListsPolicy:
    """Which list, what rows do to it, and whether subscribing makes profiles."""

    name: str
    mode: Literal["add", "remove", "mirror"]
    match: Match
    project_type: ProjectType
    creates_profiles: bool = True


class IterableLists:
    """The Destination port for a static list. `now` is a clock that only grows."""

    def __init__(
        self,
        client: IterableClient,
        policy: ListsPolicy,
        now: Callable[[], float],
        calls_per_second: float = CALLS_PER_SECOND,
    ) -> None:
        self._client = client
        self._policy = policy
        self._limits = CallLimits(f"{PATH}/{SUBSCRIBE}", calls_per_second, MAX_ROWS, MAX_BODY_BYTES)
        self._list = StaticList(client, policy.name, makes=policy.mode != "remove", now=now)
        self._flags: dict[str, object] = {}
        self._existence: Existence | None = None
        self._tails = {SUBSCRIBE: b"]}", UNSUBSCRIBE: b'],"channelUnsubscribe":false}'}
        if policy.project_type != "email":
            only = b"false" if policy.creates_profiles else b"true"
            self._tails[SUBSCRIBE] = b'],"updateExistingUsersOnly":' + only + b"}"
        elif policy.match == "userId":
            # Here it is this flag of each user that makes a profile, or does not.
            self._flags = {"preferUserId": policy.creates_profiles}
        if not policy.creates_profiles:
            in_each = policy.project_type == "email"
            self._existence = "prefer_user_id" if in_each else "update_only"

    @property
    def limits(self) -> CallLimits:
        return self._limits

    @property
    def removes(self) -> bool:
        return self._policy.mode == "mirror"

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | None:  # noqa: ARG002  # one member, whatever its row's key
        """Return the item that puts the profile on the list or takes it off, or None."""
        identity = identity_of(self._policy.match, row.identity)
        if identity is None:
            return None
        who: dict[str, object] = {self._policy.match: identity}
        if gone or self._policy.mode == "remove":
            return Item(identity, encoded(who), identity, UNSUBSCRIBE)
        fields = {"dataFields": row.fields} if row.fields else {}
        return Item(identity, encoded(who | self._flags | fields), identity, SUBSCRIBE)

    async def probe(self) -> None:
        """Look whether the list is there, or may be made."""
        await self._list.probe()

    async def deliver(self, items: Sequence[Item]) -> Answer:
        """Make one bulk call; one outcome per item, in order. The first one finds the list."""
        call = items[0].call
        list_id = await self._list.id()
        head = b'{"listId":' + orjson.dumps(list_id) + b',"subscribers":['
        body = head + b",".join(item.body for item in items) + self._tails[call]
        reply = await self._client.post(f"{PATH}/{call}", body)
        try:
            return answered(reply, items, lists_meaning(call, self._existence))
        except ConfigurationError as error:
            if error.kind == "unknown_list":
                raise self._list.lost(list_id) from None
            raise

    async def close(self) -> None:
        await self._client.close()
