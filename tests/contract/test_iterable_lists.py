"""IterableLists on the Iterable stand-in: one list of the name, and who is on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.iterable.identity import ProjectType
from connectors.iterable.lists import IterableLists, ListsPolicy
from connectors.iterable.static_list import YOUNG_SECONDS
from connectors.records import Delivered, Item, MappedRow, Skipped, SkipReason
from tests.iterable_project import Project, deliver, run_project

NAME = "vip"
ABSENT = Skipped(SkipReason.ABSENT)


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profiles of users 1 and 2."""
    async with run_project("email") as made:
        made.plant({"email": "one@x.com", "userId": "1"}, {"email": "two@x.com", "userId": "2"})
        yield made


def lists(
    project: Project,
    mode: Literal["add", "remove", "mirror"] = "mirror",
    kind: ProjectType = "email",
    *,
    creates: bool = True,
) -> IterableLists:
    return project.lists(ListsPolicy(NAME, mode, "userId", kind, creates))


def leaving(made: IterableLists, user_id: str) -> Item:
    item = made.encode(MappedRow(user_id), b"1", gone=True)
    assert item is not None
    return item


def calls(project: Project) -> list[str]:
    return [f"{call.method} {call.path}" for call in project.journal()]


async def test_the_first_call_makes_the_list_and_the_next_finds_it(project: Project) -> None:
    """It is looked up once, by name, and again after it was made."""
    made = lists(project)
    await deliver(made, ("1", {}))
    await deliver(made, ("2", {}))

    assert {NAME: [{"1", "2"}]} == project.members()
    assert [
        *("GET /api/lists", "POST /api/lists", "GET /api/lists"),
        *("POST /api/lists/subscribe", "POST /api/lists/subscribe"),
    ] == calls(project)


async def test_of_lists_with_one_name_the_oldest_static_one_is_written(project: Project) -> None:
    """A dynamic list of the name comes first and can't be written."""
    project.make_list(NAME, "2", list_type="Dynamic")
    project.make_list(NAME)
    project.make_list(NAME)
    await deliver(lists(project), ("1", {}))

    assert [{"2"}, {"1"}, set()] == project.members()[NAME]


async def test_a_mirror_takes_off_who_left(project: Project) -> None:
    """On the list or not; whom Iterable does not know is on no list."""
    project.make_list(NAME, "1", "2")
    made = lists(project)
    outcomes = (await made.deliver([leaving(made, "1"), leaving(made, "9")])).outcomes

    assert [Delivered(), ABSENT] == outcomes
    assert [{"2"}] == project.members()[NAME]
    assert [Delivered()] == (await made.deliver([leaving(made, "1")])).outcomes


@pytest.mark.parametrize("kind", ["email", "userId", "hybrid"])
async def test_profiles_that_do_not_exist_are_skipped_where_none_may_be_made(
    kind: ProjectType,
) -> None:
    """In each type of project by the flag that it honours."""
    async with run_project(kind) as project:
        project.plant({"email": "one@x.com", "userId": "1"})
        outcomes = await deliver(lists(project, kind=kind, creates=False), ("1", {}), ("9", {}))

        assert [Delivered(), ABSENT] == outcomes
        assert {"1"} == project.profiles().keys()


async def test_two_processes_that_find_no_list_end_on_one(project: Project) -> None:
    """Both make one; nobody's rows are on the one that goes."""
    one, two = lists(project), lists(project)
    await asyncio.gather(deliver(one, ("1", {})), deliver(two, ("2", {})))

    assert 2 == calls(project).count("POST /api/lists")
    assert {NAME: [{"1", "2"}]} == project.members()


async def test_nothing_is_sent_before_a_new_list_is_shown(project: Project) -> None:
    """Iterable applies later than it answers; the rows wait and are retried."""
    project.turn(apply_delay_seconds=30)
    made = lists(project)
    for _ in range(2):
        with pytest.raises(RetryableError, match="does not show the new list") as caught:
            await deliver(made, ("1", {}))
        assert "list_young" == caught.value.kind
    project.turn(apply_delay_seconds=0)
    project.pass_time(30)

    assert [Delivered()] == await deliver(made, ("1", {}))
    assert {NAME: [{"1"}]} == project.members()


async def test_a_new_list_may_be_unknown_for_a_minute(project: Project) -> None:
    """Then it is a person's job."""
    made = lists(project)
    project.turn(apply_delay_seconds=1_000)
    with pytest.raises(RetryableError):
        await deliver(made, ("1", {}))
    project.now_seconds = YOUNG_SECONDS - 1
    with pytest.raises(RetryableError, match="new list"):
        await deliver(made, ("1", {}))
    project.now_seconds = YOUNG_SECONDS
    with pytest.raises(ConfigurationError, match="no static list 'vip'"):
        await deliver(made, ("1", {}))

    assert 1 == calls(project).count("POST /api/lists")


async def test_a_list_that_was_removed_stops_the_sync_until_it_is_there(project: Project) -> None:
    """No row is set aside, no empty list is made in its place, and it heals by itself."""
    first = project.make_list(NAME)
    made = lists(project)
    await deliver(made, ("1", {}))
    project.remove_list(first)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="replay the sync then") as caught:
            await deliver(made, ("2", {}))
        assert "unknown_list" == caught.value.kind
    assert {} == project.members()
    project.make_list(NAME)

    assert [Delivered()] == await deliver(made, ("2", {}))
    assert {NAME: [{"2"}]} == project.members()


async def test_to_remove_rows_the_list_must_be_there(project: Project) -> None:
    """The probe says so too; none is made to take people off it."""
    made = lists(project, "remove")
    for call in (made.probe(), deliver(made, ("1", {}))):
        with pytest.raises(ConfigurationError, match="no static list 'vip'"):
            await call
    project.make_list(NAME, "1", "2")

    await made.probe()
    assert [Delivered()] == await deliver(made, ("1", {}))
    assert {NAME: [{"2"}]} == project.members()


async def test_fields_go_along_to_the_profile(project: Project) -> None:
    """With those who come; a NULL clears."""
    made = lists(project)
    await deliver(made, ("1", {"plan": "free", "city": "Rom"}))
    await deliver(made, ("1", {"plan": None}))

    assert {"city": "Rom"} == {k: v for k, v in project.profiles()["1"].items() if v is not None}
