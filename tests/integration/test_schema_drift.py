"""The table is rebuilt with other columns, on a real broker: what flows on and what stops.

All rows lie within the overlap, so each poll reads every one again: what is published is a matter
of its content alone. Old and new records lie side by side in one topic.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from tests.integration.drifting import Table
from tests.integration.installation import MODEL, SYNC, Change, Installation
from tests.integration.people import OTHER_SYNC, People, sample
from tests.warehouse_login import KEY
from worker.app.run import Worker
from worker.operate.baseline import baseline

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

ROWS = 12
USER = "GITLAB_DOTCOM_USER_ID"
# Users of this test's own, and columns that will drift.
FIRST_BUILD = f"""* EXCLUDE ({USER}), {USER} + 700000000 AS {USER}, 7::NUMBER(10,0) AS SCORE,
    'short'::VARCHAR(20) AS CODE, 1.25::NUMBER(10,2) AS PRICE, NULL::VARCHAR AS PLAN"""


@pytest.fixture
async def table(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Table]:
    """Twelve rows, polled once; three of the columns that will drift are mapped."""
    monkeypatch.setenv("HIGHTIDE_PROBE_SECONDS", "0.1")
    mapped = _map(driftScore="SCORE", driftCode="CODE", driftPlan="PLAN")
    people = People(installation, ROWS, [mapped, _often])
    poller = people.worker(poll=True)
    await poller.open()
    made = Table(people, poller, people.keys())
    made.rebuild(FIRST_BUILD)
    assert ROWS == len(await made.poll())
    yield made
    await poller._close()


async def test_columns_come_change_their_name_and_go(table: Table) -> None:
    """Only rows in which such a column holds something are published; records lie side by side."""
    table.rebuild("*, NULL::VARCHAR(20) AS TIER")
    assert [] == await table.poll(), "an empty column changes no row"

    filled = table.keys[:3]
    table.set("TIER", "gold", *filled)
    added = await table.poll()
    assert [(key, "gold") for key in filled] == [(read.key, read.row["TIER"]) for read in added]
    assert {key: ["gold" if key in filled else "absent"] for key in table.keys} == table.newest(
        "TIER"
    )

    table.rebuild("* EXCLUDE (TIER), TIER AS GRADE")
    renamed = await table.poll()
    assert [(key, "gold") for key in filled] == [(read.key, read.row["GRADE"]) for read in renamed]
    assert not any("TIER" in read.row for read in renamed)

    table.rebuild("* EXCLUDE (GRADE)")
    removed = await table.poll()
    assert filled == [read.key for read in removed]
    assert not any({"TIER", "GRADE"} & read.row.keys() for read in removed)

    # A reader that knows one schema takes the other's records too.
    for written, known, lacks in ((removed[0], added[0], "TIER"), (added[0], renamed[0], "GRADE")):
        row = fastavro.schemaless_reader(
            io.BytesIO(written.body), json.loads(written.schema), json.loads(known.schema)
        )
        assert known.row.keys() == row.keys() != written.row.keys()
        assert (None, written.key) == (row[lacks], row[KEY])


async def test_a_wider_column_changes_no_row_and_takes_larger_values(table: Table) -> None:
    """NUMBER(10,0) → NUMBER(38,0), VARCHAR(20) → VARCHAR: values of both are read exactly."""
    table.rebuild("* EXCLUDE (SCORE, CODE), SCORE::NUMBER(38,0) AS SCORE, CODE::VARCHAR AS CODE")
    assert [] == await table.poll()

    larger, longer = 12_345_678_901_234, "l" * 60
    table.set("SCORE", larger, table.keys[0])
    table.set("CODE", longer, table.keys[1])
    assert table.keys[:2] == [read.key for read in await table.poll()]
    newest = table.newest("SCORE", "CODE")
    assert [Decimal(larger), "short"] == newest.pop(table.keys[0])
    assert [Decimal(7), longer] == newest.pop(table.keys[1])
    assert {key: [Decimal(7), "short"] for key in table.keys[2:]} == newest


STOPS = [  # what a build does, the kind and the sentence of the stop, how the next build heals it
    (
        "* EXCLUDE (SCORE), SCORE::VARCHAR AS SCORE",
        (
            "column_type_changed",
            "the type of SCORE changed; Iterable fixes a field's type for ever",
        ),
        "* EXCLUDE (SCORE), SCORE::NUMBER(10,0) AS SCORE",
    ),
    (
        "* EXCLUDE (PRICE), PRICE::NUMBER(10,3) AS PRICE",  # no sync maps it
        (
            "column_type_changed",
            "the type of PRICE changed; Iterable fixes a field's type for ever",
        ),
        "* EXCLUDE (PRICE), PRICE::NUMBER(12,2) AS PRICE",
    ),
    (
        "* EXCLUDE (CODE)",
        ("unknown_column", "has no column CODE; it has "),
        "*, 'short'::VARCHAR(20) AS CODE",
    ),
]


async def test_a_model_stops_and_goes_on_by_itself_once_the_column_is_back(table: Table) -> None:
    """The state names model and column, nothing is published; then what changed meanwhile is."""
    async with _running(table.poller) as worker:
        for number, (drifted, (kind, sentence), healed) in enumerate(STOPS):
            table.rebuild(drifted)
            table.set("COUNTRY", f"Atlantis {number}", *table.keys[:2])
            await _stopped(worker, kind)
            assert f"model {MODEL}" in worker.meter.models[MODEL].reason
            assert sentence in worker.meter.models[MODEL].reason
            assert [] == await table.added()

            table.rebuild(healed)
            await _until(worker, lambda: worker.meter.models[MODEL].name == "running")
            assert table.keys[:2] == [read.key for read in await table.added()]
    newest = table.newest("COUNTRY")
    assert {key: [value] for key, value in table.column("COUNTRY").items()} == newest


async def test_another_type_is_accepted_on_command(table: Table) -> None:
    """After `baseline --restart` all rows come with it, beside the numbers of before."""
    table.rebuild("* EXCLUDE (SCORE), SCORE::VARCHAR AS SCORE")
    await baseline(table.people.parts(), MODEL, "restart")

    assert ["7"] * ROWS == [read.row["SCORE"] for read in await table.poll_anew()]
    scores = [read.row["SCORE"] for read in table.records]
    assert ROWS == scores.count(Decimal(7)) == scores.count("7")


async def test_a_sync_delivers_records_of_before_and_after(table: Table) -> None:
    """A field is left alone by old records, set by new ones, and cleared where they say NULL.

    A removed column that the syncs gave up stops nothing; its field stays as it was.
    """
    users = {key: str(user) for key, user in table.column(USER).items()}
    planted = {"driftTier": "planted", "driftPlan": "planted"}
    _plant(table.people.installation, users.values(), planted)
    table.rebuild("* EXCLUDE (PLAN), NULL::VARCHAR AS TIER")
    table.people.changes += [_map(driftTier="TIER"), _unmap("driftPlan")]
    filled, emptied = table.keys[:3], table.keys[3]
    table.set("TIER", "gold", *filled)
    table.set("SCORE", 8, *filled, emptied)
    assert [*filled, emptied] == [read.key for read in await table.poll_anew()]

    worker = await table.people.deliver()

    assert ROWS + 4 == sample(worker, "hightide_consumed_rows_total", sync=SYNC)
    assert [] == table.people.letters(SYNC) + table.people.letters(OTHER_SYNC)
    profiles = _profiles(table.people.installation)
    found = {key: _drifted(profiles[user]) for key, user in users.items()}
    assert {(8, "gold", "planted")} == {found.pop(key) for key in filled}
    assert (8, None, "planted") == found.pop(emptied)
    assert {(7, "planted", "planted")} == set(found.values())


def _often(config: dict[str, Any]) -> None:
    config["syncs"][SYNC]["every"] = "0.1s"


def _map(**fields: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["syncs"][SYNC]["fields"] |= fields

    return change


def _unmap(field: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        del config["syncs"][SYNC]["fields"][field]

    return change


@contextlib.asynccontextmanager
async def _running(poller: Worker) -> AsyncIterator[Worker]:
    """The poller on its schedule, stopped and closed at the end of the context."""
    running = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        poller.stop.set()
        await running


async def _until(worker: Worker, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await worker.clock.sleep(0.02)


async def _stopped(worker: Worker, kind: str) -> None:
    """Wait until the model has stopped for a reason, and looked again whether it is gone."""

    def stops() -> float:
        return sample(worker, "hightide_errors_total", stage="poll", kind=kind)

    wanted = stops() + 2
    await _until(worker, lambda: stops() >= wanted)
    assert "stopped" == worker.meter.models[MODEL].name


def _plant(installation: Installation, users: Iterable[str], fields: dict[str, str]) -> None:
    profiles = [
        {"email": f"{user}@drift.example", "userId": user, "dataFields": fields} for user in users
    ]
    installation.iterable.ask("profiles", profiles)


def _profiles(installation: Installation) -> dict[str, dict[str, Any]]:
    """The fields of every profile, by user."""
    url = f"{installation.iterable.url}/_sandbox/profiles"
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # loopback
        found = [json.loads(line) for line in answer.read().splitlines()]
    return {str(profile["userId"]): profile["dataFields"] for profile in found}


def _drifted(fields: dict[str, Any]) -> tuple[object, object, object]:
    return fields.get("driftScore"), fields.get("driftTier"), fields.get("driftPlan")
