"""The project: everything the sandbox remembers, and when a write becomes visible.

Iterable answers a write at once and applies it later. With an apply delay, a write waits here until
it is due; every call first applies what is due, so no timer runs. Validation sees what is applied:
an event sent right after its profile finds no user, as in the real thing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from connectors.sandbox.iterable.events import EventStore
from connectors.sandbox.iterable.fields import Field, FieldCheck, FieldTree
from connectors.sandbox.iterable.identity import IdentityRules
from connectors.sandbox.iterable.lists import ListStore
from connectors.sandbox.iterable.options import Options, ProjectType
from connectors.sandbox.iterable.profiles import Profile, ProfileStore
from connectors.sandbox.iterable.rows import UserRow

_BORN_WITH = {
    "email": "string",
    "userId": "string",
    "signupDate": "date",
    "signupSource": "string",
    "profileUpdatedAt": "date",
    "emailListIds": "long",
    "userListIds": "long",
    "phoneNumber": "string",
}


class Project:
    """One Iterable project in memory."""

    def __init__(self, options: Options, now: Callable[[], float]) -> None:
        self.kind = options.project_type
        self.settings = options.settings
        self.now = now
        self.profiles = ProfileStore()
        self.lists = ListStore()
        self.events = EventStore()
        self.identity = IdentityRules(self.kind, self.profiles, random.Random(options.seed))
        self.user_fields = FieldTree(
            "user", {name: Field(kind, name) for name, kind in _BORN_WITH.items()}
        )
        self._event_fields: dict[str, FieldTree] = {}
        self._waiting: deque[tuple[float, Callable[[float], None]]] = deque()

    @property
    def list_field(self) -> str:
        """The name under which a profile shows its static lists."""
        return "emailListIds" if self.kind == ProjectType.EMAIL else "userListIds"

    def event_fields(self, event_name: str) -> FieldTree:
        """The fields of one event name: the scope of event types."""
        return self._event_fields.setdefault(event_name, FieldTree(event_name))

    def check_fields(self, create: bool | None) -> FieldCheck:  # noqa: FBT001 - as it was sent
        """Begin the type check of one request; None means the project's own switch."""
        wanted = self.settings.create_new_fields if create is None else create
        return FieldCheck(create=wanted, limit=self.settings.field_limit)

    def check_event_fields(self) -> FieldCheck:
        """Begin the type check of events; each event may overrule the project's switch."""
        settings = self.settings
        return FieldCheck(create=settings.create_new_fields, limit=settings.event_field_limit)

    def write(self, change: Callable[[float], None]) -> None:
        """Make the change now, or after the apply delay, in the order of the calls."""
        delay = self.settings.apply_delay_seconds
        if delay == 0 and not self._waiting:
            change(self.now())
        else:
            self._waiting.append((self.now() + delay, change))

    def settle(self) -> None:
        """Make every change that is due."""
        while self._waiting and self._waiting[0][0] <= self.now():
            due, change = self._waiting.popleft()
            change(due)

    def write_user(self, row: UserRow, now: float) -> list[Profile]:
        """Find or create what the row means, and write its fields."""
        found = self.identity.place(row, now)
        for profile in found:
            self.profiles.write(profile, row, now)
        return found

    def delete(self, profile: Profile) -> None:
        self.lists.forget(profile)
        self.profiles.remove(profile)
