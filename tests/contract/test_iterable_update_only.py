"""`updateOnly` is an agreement with Iterable: without it unknown users are made."""

from __future__ import annotations

import pytest

from connectors.iterable.client import IterableClient
from connectors.iterable.identity import Match, ProjectType
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.records import Delivered, Skipped, SkipReason
from tests.closing import closed_after
from tests.iterable_project import Project, deliver, run_project


def users(project: Project, match: Match, kind: ProjectType) -> IterableUsers:
    policy = UsersPolicy("update", match, kind, "update_only")
    return IterableUsers(IterableClient(project.url, lambda: project.key), policy)


@pytest.mark.parametrize(
    ("match", "kind"), [("email", "email"), ("email", "hybrid"), ("userId", "userId")]
)
async def test_where_it_is_switched_on_nobody_is_made(match: Match, kind: ProjectType) -> None:
    """Whoever is not there is skipped."""
    there, nobody = ("a@x.com", "b@x.com") if match == "email" else ("1", "2")
    async with run_project(kind) as project:
        project.turn(update_only_enabled=True)
        project.plant({match: there})
        async with closed_after(users(project, match, kind)) as destination:
            outcomes = await deliver(destination, (there, {"n": 1}), (nobody, {"n": 2}))

        assert [Delivered(), Skipped(SkipReason.ABSENT)] == outcomes
        assert {there: {"n": 1}} == project.profiles()


async def test_where_it_is_not_unknown_users_are_made() -> None:
    """Why `hightide check` warns: Iterable reads the flag and says nothing."""
    async with run_project("email") as project:
        async with closed_after(users(project, "email", "email")) as destination:
            outcomes = await deliver(destination, ("b@x.com", {"n": 2}))

        assert ([Delivered()], {"b@x.com": {"n": 2}}) == (outcomes, project.profiles())
