"""A fresh Iterable stand-in inside the test, the worker's own client of it, and its back door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import orjson

from connectors.iterable.answers import Mode
from connectors.iterable.client import IterableClient
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.records import Item, MappedRow, Outcome
from connectors.sandbox.iterable import IterableSandbox, Options, ProjectType
from connectors.sandbox.iterable.faults import Fault
from connectors.sandbox.iterable.journal import Entry
from connectors.sandbox.iterable.planting import Planter

BULK = "/api/users/bulkUpdate"
_KINDS = {"email": ProjectType.EMAIL, "userId": ProjectType.USERID, "hybrid": ProjectType.HYBRID}


class Project:
    """An Iterable project: what is planted in it, ordered of it, and found in it."""

    def __init__(self, sandbox: IterableSandbox, url: str) -> None:
        self.url = url
        self.key = sandbox.options.api_key
        self._sandbox = sandbox
        self._made: list[IterableUsers] = []

    def users(
        self,
        mode: Mode,
        match: Literal["email", "userId"] = "userId",
        project_type: Literal["email", "userId", "hybrid"] = "email",
        url: str | None = None,
    ) -> IterableUsers:
        """The destination under test."""
        client = IterableClient(url or self.url, lambda: self.key)
        made = IterableUsers(client, UsersPolicy(mode, match, project_type))
        self._made.append(made)
        return made

    def plant(self, *profiles: dict[str, object]) -> None:
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

    def forget(self, *user_ids: str) -> None:
        self._sandbox.door.project.identity.forgotten_user_ids.update(user_ids)

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

    async def close(self) -> None:
        for made in self._made:
            await made.close()
        await self._sandbox.stop()


@asynccontextmanager
async def run_project(kind: Literal["email", "userId", "hybrid"]) -> AsyncIterator[Project]:
    """A fresh project that ends with the context."""
    sandbox = IterableSandbox(Options(project_type=_KINDS[kind]))
    project = Project(sandbox, await sandbox.start())
    try:
        yield project
    finally:
        await project.close()


def item(users: IterableUsers, identity: str, **fields: object) -> Item:
    """A row as the destination wants it; its identity must be possible."""
    found = users.encode(MappedRow(identity, fields), b"1")
    assert found is not None
    return found


async def deliver(users: IterableUsers, *rows: tuple[str, dict[str, object]]) -> Sequence[Outcome]:
    """One call with these rows."""
    return await users.deliver([item(users, identity, **fields) for identity, fields in rows])
