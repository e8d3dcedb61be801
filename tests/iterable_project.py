"""A fresh Iterable stand-in inside the test, the worker's own objects of it, and its back door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from connectors.iterable.answers import Mode
from connectors.iterable.client import IterableClient
from connectors.iterable.events import EventsPolicy, IterableEvents
from connectors.iterable.identity import Match, ProjectType
from connectors.iterable.lists import IterableLists, ListsPolicy
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.ports import Destination
from connectors.records import Item, MappedRow, Outcome
from connectors.sandbox.iterable import IterableSandbox, Options
from connectors.sandbox.iterable import ProjectType as Kind
from connectors.sandbox.iterable.faults import Fault
from connectors.sandbox.iterable.journal import Entry
from connectors.sandbox.iterable.lists import StaticList
from connectors.sandbox.iterable.planting import Planter

BULK = "/api/users/bulkUpdate"
_KINDS = {"email": Kind.EMAIL, "userId": Kind.USERID, "hybrid": Kind.HYBRID}
NOON_SECONDS = 1_767_268_800  # 2026-01-01 12:00:00 UTC


class Project:
    """An Iterable project: what is planted in it, ordered of it, and found in it."""

    def __init__(self, sandbox: IterableSandbox, url: str) -> None:
        self.url = url
        self.key = sandbox.options.api_key
        self._sandbox = sandbox
        self.now_seconds = 0.0
        self._made: list[Destination] = []

    def users(
        self,
        mode: Mode,
        match: Match = "userId",
        project_type: ProjectType = "email",
        url: str | None = None,
    ) -> IterableUsers:
        """The destination under test."""
        fast = mode == "update" and match == "userId" and project_type == "email"
        policy = UsersPolicy(mode, match, project_type, "prefer_user_id" if fast else None)
        made = IterableUsers(self._client(url), policy)
        self._made.append(made)
        return made

    def events(self, policy: EventsPolicy, url: str | None = None) -> IterableEvents:
        """The same for events."""
        made = IterableEvents(self._client(url), policy)
        self._made.append(made)
        return made

    def lists(self, policy: ListsPolicy, url: str | None = None) -> IterableLists:
        """The same for a list; `now_seconds` is its clock."""
        made = IterableLists(self._client(url), policy, lambda: self.now_seconds)
        self._made.append(made)
        return made

    def _client(self, url: str | None) -> IterableClient:
        return IterableClient(url or self.url, lambda: self.key)

    def plant(self, *profiles: Mapping[str, object]) -> None:
        planter = Planter(self._sandbox.door.project)
        planter.feed(b"\n".join(orjson.dumps(profile) for profile in profiles))
        planter.finish()

    def turn(self, **settings: object) -> None:
        self._sandbox.door.project.settings.turn(settings)

    def order(self, kind: str, **details: object) -> None:
        """Let the next call go wrong."""
        self._sandbox.door.faults.order(Fault.read({"kind": kind, **details}))

    def pin(self, field: str, kind: str) -> None:
        self._sandbox.door.project.user_fields.pin(field, kind)

    def forget(self, *identities: str) -> None:
        rules = self._sandbox.door.project.identity
        rules.forgotten_user_ids.update(identities)
        rules.forgotten_emails.update(identities)

    def revoke(self, key: str) -> None:
        self._sandbox.door.revoke(key)

    def journal(self) -> list[Entry]:
        return list(self._sandbox.journal.after(0))

    def profiles(self) -> dict[str, dict[str, Any]]:
        """What is stored, by userId or else e-mail."""
        project = self._sandbox.door.project
        project.settle()
        return {
            str(found.user_id or found.email): orjson.loads(found.data)
            for found in project.profiles.everyone()
        }

    def make_list(self, name: str, *identities: str, list_type: str = "Standard") -> int:
        """A list with these members; its id."""
        project = self._sandbox.door.project
        made = StaticList(project.lists.take_id(), name, None, 0, list_type)
        project.lists.add(made)
        for profile in project.profiles.everyone():
            if {profile.user_id, profile.email} & {*identities}:
                project.lists.subscribe(made.list_id, profile)
        return made.list_id

    def pass_time(self, seconds: float) -> None:
        """Let what waits to be applied become due."""
        project = self._sandbox.door.project
        before = project.now
        project.now = lambda: before() + seconds

    def remove_list(self, list_id: int) -> None:
        self._sandbox.door.project.lists.remove(list_id)

    def happened(self) -> list[dict[str, Any]]:
        """The events that are stored, oldest first."""
        project = self._sandbox.door.project
        project.settle()
        return [event.shown() for event in project.events.everything()]

    def members(self) -> dict[str, list[set[str]]]:
        """Who is on the lists of each name, by userId or else e-mail; lowest id first."""
        project = self._sandbox.door.project
        project.settle()
        found: dict[str, list[set[str]]] = {}
        for one in sorted(project.lists, key=lambda one: one.list_id):
            who = {str(profile.user_id or profile.email) for profile in one.members}
            found.setdefault(one.name, []).append(who)
        return found

    async def close(self) -> None:
        for made in self._made:
            await made.close()
        await self._sandbox.stop()


@asynccontextmanager
async def run_project(kind: ProjectType) -> AsyncIterator[Project]:
    """A fresh project that ends with the context."""
    sandbox = IterableSandbox(Options(project_type=_KINDS[kind]))
    project = Project(sandbox, await sandbox.start())
    try:
        yield project
    finally:
        await project.close()


def item(destination: Destination, identity: str, **fields: object) -> Item:
    """A row as the destination wants it; its identity must be possible."""
    row = MappedRow(identity, fields, {"createdAt": NOON_SECONDS})
    found = destination.encode(row, identity.encode())
    assert isinstance(found, Item)
    return found


async def deliver(
    destination: Destination, *rows: tuple[str, dict[str, object]]
) -> Sequence[Outcome]:
    """One call with these rows."""
    items = [item(destination, identity, **fields) for identity, fields in rows]
    return (await destination.deliver(items)).outcomes
