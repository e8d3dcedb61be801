"""`hightide plan` on a real topic: what it says is what deliver then does; it moves nothing."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rich.console import Console

from connectors.errors import ConfigurationError
from connectors.kafka.admin import GroupState
from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Installation
from tests.integration.people import People, sample
from tests.iterable_project import Project, run_project
from tests.warehouse_login import KEY
from worker.app.parts import Parts
from worker.config.document import ConfigError
from worker.observe.progress import no_progress
from worker.operate.plan import Plan, plan, print_plan

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

ROWS = 40
CANARIES = ("canary-first", "canary-company", "canary-user-id")


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An Iterable of the test's own."""
    async with run_project("email") as made:
        yield made


@pytest.fixture
def people(installation: Installation, project: Project, monkeypatch: pytest.MonkeyPatch) -> People:
    """Forty contacts, of which the sync takes most; some can't be sent."""
    monkeypatch.setenv("HIGHTIDE_TEST_KEY", project.key)

    def change(config: dict[str, Any]) -> None:
        config["destinations"]["iterable"]["base_url"] = project.url
        config["syncs"][SYNC] |= {
            "mode": "upsert",
            "match": {"userId": KEY},
            "max_reject_share": 1.0,
            "filter": "COUNTRY != 'Nowhere'",
            "fields": {
                "first": "FIRST_NAME",
                "named": {"expression": "FIRST_NAME + '!'"},
                "source": {"value": "warehouse"},
                "job": {"column": "JOB_TITLE", "type": "long"},
                "address.company": "COMPANY_NAME",
            },
        }

    made = People(installation, ROWS, [change, _only_one])
    keys = made.keys()
    first, company, user = CANARIES
    made.execute(f"UPDATE {made.table} SET FIRST_NAME = 'Ann', JOB_TITLE = NULL, COUNTRY = 'X'")
    for column, value, some in (
        ("COUNTRY", "Nowhere", keys[:3]),
        ("FIRST_NAME", None, keys[3:5]),
        ("JOB_TITLE", "12", keys[5:8]),
        ("JOB_TITLE", "no number", keys[8:9]),
        ("FIRST_NAME", first, keys[10:]),
        ("COMPANY_NAME", company, keys),
    ):
        marks = ", ".join(["%s"] * len(some))
        where = f"WHERE {KEY} IN ({marks})"
        made.execute(f"UPDATE {made.table} SET {column} = %s {where}", value, *some)
    made.execute(f"UPDATE {made.table} SET {KEY} = %s WHERE {KEY} = %s", user, keys[-1])
    return made


def _only_one(config: dict[str, Any]) -> None:
    config["syncs"] = {SYNC: config["syncs"][SYNC]}


async def _plan(parts: Parts, rows: int = 1_000) -> Plan:
    return await plan(parts, SYNC, rows=rows, progress=no_progress)


async def test_deliver_does_what_the_plan_said(people: People, project: Project) -> None:
    """The same rows sent, left out and set aside, in as many calls; the same fields made."""
    await people.poll()
    found = await _plan(people.parts())
    worker = await people.deliver()

    def rows(outcome: str) -> float:
        return sample(worker, "hightide_rows_total", sync=SYNC, outcome=outcome)

    assert ROWS == found.rows == found.records
    assert {"upsert": ROWS - 3 - 2 - 1} == found.sent
    assert ({"filtered": 3}, {"unmappable": 3}) == (found.skipped, found.rejected)
    assert found.sent["upsert"] == rows("delivered") == len(project.profiles())
    assert (3, 3) == (rows("skipped"), rows("rejected"))
    calls = [one for one in project.journal() if one.path == "/api/users/bulkUpdate"]
    assert found.calls.calls == len(calls) == 1
    assert found.calls.rows == len(project.profiles())
    assert found.created == ("first", "named", "source", "job", "address.company")
    made = {*next(iter(project.profiles().values()))}
    assert {"first", "named", "source", "address"} <= made


async def test_each_field_says_on_how_many_rows_it_was_tried(people: People) -> None:
    """Only rows that the filter lets through; what failed has its reason, without a value."""
    await people.poll()
    trials = {trial.name: trial for trial in (await _plan(people.parts())).trials}
    counts = {name: (t.kind, t.tried, t.null, t.failures) for name, t in trials.items()}

    wanted = ROWS - 3
    assert counts == {
        "filter": ("filter", ROWS, 0, 0),
        "first": ("column", wanted, 2, 0),
        "named": ("expression", wanted, 0, 2),
        "source": ("constant", wanted, 0, 0),
        "job": ("pinned", wanted, wanted - 4, 1),
        "address.company": ("column", wanted, 0, 0),
    }
    assert ["a value pinned to another type is not a whole number"] == [*trials["job"].failed]


async def test_it_moves_nothing_and_asks_only_for_the_fields(
    people: People, project: Project
) -> None:
    """The group stays where it is, no row is sent, the source is not asked."""
    await people.poll()
    await people.deliver()
    people.execute(f"DROP TABLE {people.table}")
    parts, calls = people.parts(), len(project.journal())
    before = await _group(parts)
    first, second = await _plan(parts), await _plan(parts)

    assert first.as_json(show_values=True) == second.as_json(show_values=True)
    assert ["/api/users/getFields"] * 2 == [one.path for one in project.journal()[calls:]]
    assert before == await _group(parts)


async def test_no_value_is_shown_unless_it_is_asked_for(people: People) -> None:
    """Neither as text nor as JSON; asked for, it comes with a warning."""
    await people.poll()
    found = await _plan(people.parts())
    masked, shown = _printed(found, show_values=False), _printed(found, show_values=True)

    assert not [value for value in (*CANARIES, *people_values(found)) if value in masked]
    assert "canary-company" in shown
    assert "personal data" in shown
    assert "personal data" not in masked.partition("{")[0]


async def test_its_json_has_everything(people: People) -> None:
    """One document, that a script may hold against the next one."""
    await people.poll()
    said = json.loads(json.dumps((await _plan(people.parts())).as_json(show_values=False)))

    assert said["ok"]
    assert (ROWS, {"upsert": 34}, 3) == (said["rows"], said["would_send"], said["filtered"])
    assert {"field": "source", "kind": "constant", "tried": 37, "null": 0, "failed": {}} in (
        said["fields"]
    )
    assert {"calls": 1, "rows": 34, "seconds": 0.2} == {
        name: said["calls"][name] for name in ("calls", "rows", "seconds")
    }
    assert ROWS == said["whole_topic"]["records_at_most"]
    [one, _] = said["samples"]
    assert "text of 14" == one["dataFields"]["address"]["company"]
    assert not said["values_are_personal_data"]


async def test_the_newest_rows_are_tried(people: People) -> None:
    """As many as asked for, of each key its newest version."""
    await people.poll()
    key = people.keys()[0]
    people.execute(f"UPDATE {people.table} SET COUNTRY = 'Y' WHERE {KEY} = %s", key)
    await people.poll()
    whole, few = await _plan(people.parts()), await _plan(people.parts(), rows=5)

    assert (ROWS, ROWS + 1) == (whole.rows, whole.records)
    assert {"filtered": 2} == whole.skipped
    assert 5 == few.rows


async def test_a_certain_conflict_is_said(people: People, project: Project) -> None:
    """With the field and its cure; the command says the same and ends with 4."""
    project.pin("job", "boolean")
    await people.poll()
    found = await _plan(people.parts())
    ran = await asyncio.to_thread(_run, people, "--json")

    assert "Conflict: field job is boolean in Iterable and long here" in _printed(
        found, show_values=False
    )
    assert (4, found.as_json(show_values=False)) == (ran.returncode, json.loads(ran.stdout))
    assert "" == ran.stderr


async def test_an_empty_topic_says_to_poll_first(people: People) -> None:
    """Before the first poll there is nothing to try, with or without a topic."""
    with pytest.raises(ConfigurationError, match="hightide poll --once"):
        await _plan(people.parts())
    ran = await asyncio.to_thread(_run, people)
    assert (4, 1) == (ran.returncode, len(ran.stderr.splitlines()))
    await people.parts().prepare_topics()
    with pytest.raises(ConfigurationError, match="hightide poll --once"):
        await _plan(people.parts())


async def test_a_sync_that_is_not_there(installation: Installation) -> None:
    """The ones that are there are named."""
    with pytest.raises(ConfigError, match=SYNC):
        await plan(installation.parts(), "nope", rows=1, progress=no_progress)


def _run(people: People, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = str(people.installation.folder / "hightide.yaml")
    command = [sys.executable, "-m", "worker", "plan", SYNC, "--config", file, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def _group(parts: Parts) -> GroupState:
    async with closed_after(parts.admin()) as admin:
        return await admin.group(parts.names.group(SYNC), parts.names.model(MODEL))


def _printed(found: Plan, *, show_values: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=200, markup=False, emoji=False, highlight=False)
    print_plan(found, console, show_values=show_values)
    return stream.getvalue() + json.dumps(found.as_json(show_values=show_values))


def people_values(found: Plan) -> list[str]:
    """Every text that the samples hold of their rows."""
    texts = []
    for item in found.payloads(show_values=True):
        fields = item["dataFields"]
        texts += [item["userId"], fields["first"], fields["named"], fields["address"]["company"]]
    return texts
