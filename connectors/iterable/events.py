"""Object `events`: custom events, by `POST /api/events/trackBulk`.

An event has an id, and the same id again updates the event: a row that is sent twice is one event,
a row that changed changes it. An event never makes a profile, so one that comes before its profile
does is asked about again later.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import orjson

from connectors.iterable.answers import answered, check, events_meaning
from connectors.iterable.bulk import MAX_BODY_BYTES, MAX_ROWS, PROBE_PATH, encoded
from connectors.iterable.client import IterableClient
from connectors.iterable.identity import Match, identity_of
from connectors.iterable.moments import seconds_of
from connectors.ports import CallLimits
from connectors.records import Answer, Item, MappedRow, Rejected, RejectReason

PATH = "/api/events/trackBulk"
PUBLISHED_CALLS_PER_SECOND = 10.0
ID_BYTES = 16

_ID = re.compile(r"[A-Za-z0-9-]{1,512}")
_HEAD = b'{"events":['
_TAIL = b"]}"


@dataclass(frozen=True, slots=True)
class EventsPolicy:
    """What the events are called and whose they are.

    `has_id` says that each row brings its event's id; without it one is made of `model`, the name
    of the event and the row's key. With `create_fields` the project gets the fields that it does
    not have; without, it leaves them out.
    """

    event_name: str
    model: str
    match: Match
    has_id: bool = False
    create_fields: bool = True


class IterableEvents:
    """The Destination port for custom events.

    Its rows bring `createdAt` and perhaps `id` among their properties.
    """

    def __init__(
        self,
        client: IterableClient,
        policy: EventsPolicy,
        calls_per_second: float = PUBLISHED_CALLS_PER_SECOND,
    ) -> None:
        self._client = client
        self._policy = policy
        self._limits = CallLimits(PATH, calls_per_second, MAX_ROWS, MAX_BODY_BYTES)
        # Ids are one space over the whole project: two models may have the same keys.
        self._space = orjson.dumps([policy.model, policy.event_name])

    @property
    def limits(self) -> CallLimits:
        return self._limits

    @property
    def removes(self) -> bool:
        return False  # what happened has happened

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:  # noqa: ARG002  # never asked for
        """Return the event, or why its row is none: no identity, no id, no time."""
        identity = identity_of(self._policy.match, row.identity)
        event_id = self._id(row, key)
        if identity is None or event_id is None:
            return None
        created_at = seconds_of(row.properties.get("createdAt"))
        if created_at is None:
            # Iterable would take the moment of the call, another one each time the row is sent.
            return Rejected(RejectReason.UNMAPPABLE)
        body = {
            "eventName": self._policy.event_name,
            self._policy.match: identity,
            "id": event_id,
            "createdAt": created_at,
            "dataFields": row.fields,
            "createNewFields": self._policy.create_fields,
        }
        return Item(identity, encoded(body), event_id)

    def _id(self, row: MappedRow, key: bytes) -> str | None:
        if not self._policy.has_id:
            # The key itself may be an address; its hash shows nobody's.
            return hashlib.blake2b(self._space + key, digest_size=ID_BYTES).hexdigest()
        text = _id_text(row.properties.get("id"))
        return text if text is not None and _ID.fullmatch(text) else None

    async def probe(self) -> None:
        check(await self._client.get(PROBE_PATH))

    async def deliver(self, items: Sequence[Item]) -> Answer:
        """Make one bulk call; one outcome per item, in order. Unknown users are postponed."""
        body = _HEAD + b",".join(item.body for item in items) + _TAIL
        return answered(await self._client.post(PATH, body), items, events_meaning())

    async def close(self) -> None:
        await self._client.close()


def _id_text(value: object) -> str | None:
    """Return an id as text: NUMBER(38,0) 7 is `7`, whatever the driver calls it."""
    match value:
        case str():
            return value
        case bool():
            return None
        case int():
            return str(value)
        case Decimal() if value.is_finite() and value == value.to_integral_value():
            return str(int(value))
        case _:
            return None
