"""Events and a mirrored list from one model: table, topic on a real broker, Iterable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.installation import MODEL, Installation
from tests.integration.people import People, sample
from tests.iterable_project import Project, run_project
from tests.warehouse_login import KEY
from worker.app.run import Worker
from worker.operate.replay import replay

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

ROWS = 40
USER = "GITLAB_DOTCOM_USER_ID"
EVENTS, MIRROR, LIST = "changes", "contacts-list", "contacts"


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An Iterable of the test's own."""
    async with run_project("email") as made:
        yield made


@pytest.fixture
def people(installation: Installation, project: Project, monkeypatch: pytest.MonkeyPatch) -> People:
    """Forty contacts, read whole; each becomes an event and a member, and has a profile."""
    monkeypatch.setenv("HIGHTIDE_TEST_KEY", project.key)
    both = {"model": MODEL, "destination": "iterable", "linger": "0.1s", "match": {"userId": USER}}

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL] |= {"read": "snapshot", "guards": {"max_deleted": 1.0}}
        config["destinations"]["iterable"]["base_url"] = project.url
        events = {"object": "events", "event_name": "changed", "created_at": "LAST_CHANGED"}
        mirror = {"object": "lists", "mode": "mirror", "list": LIST, "create_profiles": False}
        config["syncs"] = {
            EVENTS: {**both, **events, "fields": {"country": "COUNTRY"}},
            MIRROR: {**both, **mirror, "filter": "COUNTRY != 'Nowhere'"},
        }

    made = People(installation, ROWS, [change])
    # One row for each profile, as a mirror needs it.
    made.execute(
        f"DELETE FROM {made.table} WHERE {USER} IS NULL OR {KEY} NOT IN "
        f"(SELECT MIN({KEY}) FROM {made.table} GROUP BY {USER})"
    )
    project.plant(*({"email": f"u{user}@x.com", "userId": user} for user in users(made)))
    return made


def users(people: People) -> set[str]:
    return {str(user) for (user,) in people.execute(f"SELECT {USER} FROM {people.table}")}


async def test_each_row_is_one_event_and_one_member(people: People, project: Project) -> None:
    """Replayed, it is the same event and the same member; every row has its outcome."""
    await people.poll()
    first = await people.deliver()
    happened, members = project.happened(), project.members()

    assert {LIST: [users(people)]} == members
    assert users(people) == {event["userId"] for event in happened}
    assert len(happened) == len({event["id"] for event in happened}) == len(people.keys())
    assert not {event["id"] for event in happened} & {*people.keys()}
    for sync in (EVENTS, MIRROR):
        assert len(happened) == _rows(first, sync, "delivered")
        await replay(people.parts(), sync, None, dry_run=False)
    again = await people.deliver()

    assert len(happened) == _rows(again, EVENTS, "delivered")
    assert (happened, members) == (project.happened(), project.members())
    assert [] == people.letters(EVENTS) == people.letters(MIRROR)


async def test_a_mirror_follows_the_model(people: People, project: Project) -> None:
    """Who left or is filtered out is taken off; whose row got another key stays; nobody else."""
    await people.poll()
    await people.deliver()
    gone, moved, filtered = people.keys()[:3]
    user = f"SELECT {USER} FROM {people.table} WHERE {KEY}"
    [(out,)] = people.execute(f"{user} = %s", filtered)
    [(stays,)] = people.execute(f"{user} = %s", moved)
    people.execute(f"DELETE FROM {people.table} WHERE {KEY} = %s", gone)
    people.execute(f"UPDATE {people.table} SET {KEY} = 'new' WHERE {KEY} = %s", moved)
    people.execute(f"UPDATE {people.table} SET COUNTRY = 'Nowhere' WHERE {KEY} = %s", filtered)

    await people.poll()
    worker = await people.deliver()

    expected = users(people) - {str(out)}
    assert str(stays) in expected
    assert {LIST: [expected]} == project.members()
    # What left stays an event; the new key is a new one.
    assert len(expected) + 3 == len(project.happened())
    for sync in (EVENTS, MIRROR):
        consumed = sample(worker, "hightide_consumed_rows_total", sync=sync)
        assert consumed == sample(worker, "hightide_rows_total", sync=sync) == 6
    assert [] == people.letters(EVENTS) == people.letters(MIRROR)


def _rows(worker: Worker, sync: str, outcome: str) -> float:
    return sample(worker, "hightide_rows_total", sync=sync, outcome=outcome)
