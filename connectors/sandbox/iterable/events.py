"""Custom events. An id is unique over the whole project: the same id again updates the event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from connectors.sandbox.iterable.calls import JsonObject
from connectors.sandbox.iterable.dates import from_seconds
from connectors.sandbox.iterable.profiles import Profile

_ID = re.compile(r"[A-Za-z0-9-]{1,512}")
_MILLISECONDS_FROM = 100_000_000_000  # as seconds that is the year 5138


@dataclass(slots=True, eq=False)
class Event:
    """One event of one user; its fields are JSON bytes, as a profile's are."""

    event_id: str
    name: str
    profile: Profile
    created_at: float
    data: bytes

    def shown(self) -> JsonObject:
        """The event as a read shows it."""
        return {
            "eventName": self.name,
            "eventType": "customEvent",
            "id": self.event_id,
            "email": self.profile.email,
            "userId": self.profile.user_id,
            "createdAt": from_seconds(self.created_at),
            "dataFields": orjson.loads(self.data),
        }


class EventStore:
    """All custom events, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, Event] = {}
        self._by_profile: dict[Profile, list[Event]] = {}
        self._made_ids = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def everything(self) -> list[Event]:
        return list(self._by_id.values())

    def take_id(self) -> str:
        """An id for an event that was sent without one."""
        self._made_ids += 1
        return f"sandbox-{self._made_ids}"

    def put(self, event: Event) -> None:
        """Add the event, or put it in the place of the one that has its id."""
        old = self._by_id.get(event.event_id)
        if old is not None:
            self._by_profile[old.profile].remove(old)
        self._by_id[event.event_id] = event
        self._by_profile.setdefault(event.profile, []).append(event)

    def newest(self, profiles: Iterable[Profile], limit: int) -> list[Event]:
        """The newest events of these profiles, newest first."""
        found = [event for item in profiles for event in self._by_profile.get(item, ())]
        return sorted(found, key=lambda event: event.created_at, reverse=True)[:limit]


def is_event_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def created_seconds(created_at: int | None, now: float) -> float:
    """The `createdAt` of an event in seconds; it may be sent in seconds or milliseconds."""
    if created_at is None:
        return now
    return created_at / 1000 if created_at > _MILLISECONDS_FROM else float(created_at)
