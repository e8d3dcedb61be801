"""IterableEvents on the Iterable stand-in: what is stored, for whom, and what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.errors import ConfigurationError
from connectors.iterable.events import EventsPolicy
from connectors.records import Delivered, Item, MappedRow, Postponed, RejectReason
from tests.iterable_project import NOON_SECONDS, Project, deliver, run_project

POLICY = EventsPolicy("login", "logins", "userId", has_id=True)
LATER = Postponed(RejectReason.UNKNOWN_USER, 200)


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profile of user 1."""
    async with run_project("email") as made:
        made.plant({"email": "one@x.com", "userId": "1"})
        yield made


def event(project: Project, user_id: str, event_id: str, **fields: object) -> Item:
    row = MappedRow(user_id, fields, {"createdAt": NOON_SECONDS, "id": event_id})
    found = project.events(POLICY).encode(row, b"1")
    assert isinstance(found, Item)
    return found


async def test_an_event_is_stored_with_its_time_and_fields(project: Project) -> None:
    """The moment is the row's, not the call's."""
    await project.events(POLICY).deliver([event(project, "1", "e-1", plan="free")])
    [stored] = project.happened()

    assert ("login", "e-1", "1") == (stored["eventName"], stored["id"], stored["userId"])
    assert stored["createdAt"].startswith("2026-01-01 12:00:00")
    assert {"plan": "free"} == stored["dataFields"]


async def test_the_same_id_again_updates_the_event(project: Project) -> None:
    """A row that changed changes its event; one that is sent twice is one event."""
    made = project.events(POLICY)
    await made.deliver([event(project, "1", "e-1", plan="free")])
    await made.deliver([event(project, "1", "e-1", plan="paid")])

    assert [{"plan": "paid"}] == [stored["dataFields"] for stored in project.happened()]


async def test_many_events_of_one_user_go_in_one_call(project: Project) -> None:
    """Each has its outcome; those of a user who does not exist are all asked about later."""
    items = [event(project, user, f"{user}-{n}") for n in range(3) for user in "19"]
    outcomes = (await project.events(POLICY).deliver(items)).outcomes

    assert [Delivered(), LATER] * 3 == outcomes
    assert ["1-0", "1-1", "1-2"] == [stored["id"] for stored in project.happened()]
    assert {"1"} == project.profiles().keys()


async def test_an_event_that_came_before_its_profile_is_taken_later(project: Project) -> None:
    """Asked about again it is delivered, once the profile is there."""
    made = project.events(POLICY)
    assert [LATER] == (await made.deliver([event(project, "9", "e-9")])).outcomes
    project.plant({"email": "nine@x.com", "userId": "9"})

    assert [Delivered()] == (await made.deliver([event(project, "9", "e-9")])).outcomes


async def test_a_name_that_is_switched_off_is_a_persons_job(project: Project) -> None:
    """No event of the sync can be taken: none is set aside, and it heals by itself."""
    project.turn(disallowed_events=["login"])
    made = project.events(EventsPolicy("login", "logins", "userId"))
    with pytest.raises(ConfigurationError, match="event_name"):
        await deliver(made, ("1", {}))
    project.turn(disallowed_events=[])

    assert [Delivered()] == await deliver(made, ("1", {}))
