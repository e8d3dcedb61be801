"""The objects, each at a desk of its own: how it is made, and what became of its rows in truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

from connectors.iterable.answers import Mode
from connectors.iterable.events import EventsPolicy
from connectors.iterable.identity import Match, ProjectType
from connectors.iterable.lists import ListsPolicy
from connectors.ports import Destination
from connectors.records import (
    Delivered,
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
)
from tests.iterable_project import Project

LIST = "subscribers"
ABSENT = Skipped(SkipReason.ABSENT)
LATER = Postponed(RejectReason.UNKNOWN_USER, 200)
INVALID = Rejected(RejectReason.INVALID_IDENTITY, 200)


@dataclass(frozen=True, slots=True)
class Desk:
    """One object and mode.

    `landed` says of whom a row has arrived. `unknown` is the outcome for a user whom Iterable does
    not know, `nameless` for one whom the legacy envelope only says to have failed.
    """

    name: str
    endpoint: str
    make: Callable[[Project, Match, ProjectType, str | None], Destination]
    landed: Callable[[Project], set[str]]
    unknown: Outcome
    nameless: Outcome
    has_fields: bool = True
    calls_per_second: int | None = 5

    @property
    def creates(self) -> bool:
        return self.unknown == Delivered()


def _users(mode: Mode) -> Desk:
    def make(project: Project, match: Match, kind: ProjectType, url: str | None) -> Destination:
        return project.users(mode, match, kind, url)

    return Desk(
        f"users, {mode}",
        "/api/users/bulkUpdate",
        make,
        lambda project: {who for who, data in project.profiles().items() if "n" in data},
        unknown=Delivered() if mode == "upsert" else ABSENT,
        nameless=INVALID if mode == "upsert" else ABSENT,
    )


def _events() -> Desk:
    def make(project: Project, match: Match, _: ProjectType, url: str | None) -> Destination:
        return project.events(EventsPolicy("login", "logins", match), url)

    return Desk(
        "events",
        "/api/events/trackBulk",
        make,
        lambda project: {str(event["userId"] or event["email"]) for event in project.happened()},
        unknown=LATER,
        nameless=LATER,
        calls_per_second=10,
    )


def _lists(mode: Literal["add", "remove", "mirror"]) -> Desk:
    def make(project: Project, match: Match, kind: ProjectType, url: str | None) -> Destination:
        if mode == "remove" and LIST not in project.members():
            project.make_list(LIST, *project.profiles())
        return project.lists(ListsPolicy(LIST, mode, match, kind), url)

    def landed(project: Project) -> set[str]:
        members = project.members().get(LIST, [set()])[0]
        return {*project.profiles()} - members if mode == "remove" else members

    removes = mode == "remove"
    return Desk(
        f"lists, {mode}",
        f"/api/lists/{'unsubscribe' if removes else 'subscribe'}",
        make,
        landed,
        unknown=ABSENT if removes else Delivered(),
        nameless=ABSENT if removes else INVALID,
        has_fields=not removes,
        calls_per_second=None,  # none is published
    )


DESKS = (
    _users("upsert"),
    _users("update"),
    _events(),
    _lists("add"),
    _lists("remove"),
    _lists("mirror"),
)
PROFILES = ({"email": "one@x.com", "userId": "1"}, {"email": "two@x.com", "userId": "2"})


def for_desks(chosen: Callable[[Desk], bool]) -> pytest.MarkDecorator:
    """Run a test at the desks of which the promise can be asked."""
    desks = [desk for desk in DESKS if chosen(desk)]
    return pytest.mark.parametrize("desk", desks, ids=[desk.name for desk in desks])


every_desk = for_desks(lambda _: True)
