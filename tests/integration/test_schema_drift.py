"""The table is rebuilt with other columns, on a real broker: what flows on and what stops.

Between two polls every row is flagged by the rebuild, so every row is read again; what is published
is a matter of its content alone. Old and new records lie side by side in one topic.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Change, Installation
from tests.integration.people import OTHER_SYNC, People, sample
from tests.warehouse_login import KEY
from worker.app.run import Worker
from worker.operate.baseline import baseline

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

ROWS = 12
USER = "GITLAB_DOTCOM_USER_ID"
DRIFTING = """*, 7::NUMBER(10,0) AS SCORE, 'short'::VARCHAR(20) AS CODE,
    1.25::NUMBER(10,2) AS PRICE"""


@dataclass(frozen=True, slots=True)
class Read:
    """A record of the topic, read with the schema that its own frame names."""

    place: tuple[int, int]
    key: str
    schema: str
    body: bytes
    row: dict[str, Any]


@dataclass(slots=True)
class Table:
    """The people, in a table that is built anew with other columns."""

    people: People
    keys: list[str]

    def rebuild(self, columns: str) -> None:
        """Replace the table by a SELECT from itself; every row is flagged."""
        table = self.people.table
        self.people.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {columns} FROM {table}")
        self.people.touch("TRUE")

    def set(self, column: str, value: object, *keys: str) -> None:
        """Write a value into rows; they are flagged as all others are."""
        chosen = ", ".join("?" * len(keys))
        update = f"UPDATE {self.people.table} SET {column} = ? WHERE {KEY} IN ({chosen})"
        self.people.execute(update, value, *keys)

    async def poll(self) -> list[Read]:
        """Poll in a new worker; return the records that it added."""
        before = {read.place for read in await self.read()}
        await self.people.poll()
        return [read for read in await self.read() if read.place not in before]

    async def read(self) -> list[Read]:
        """Read the whole topic without any code of the worker but for where schemas are."""
        records, schemas = self.people.topic(), dict[int, str]()
        async with closed_after(self.people.parts().schemas()) as known:
            for number in {int.from_bytes(record.value[1:5]) for record in records}:
                schemas[number] = await known.by_id(number) or ""
        return [_read(record, schemas[int.from_bytes(record.value[1:5])]) for record in records]

    async def newest(self, *columns: str) -> dict[str, list[object]]:
        """What the topic says of each key, in columns that its newest record may lack."""
        found = sorted(await self.read(), key=lambda read: read.place)
        return {read.key: [read.row.get(column, "absent") for column in columns] for read in found}

    def column(self, name: str) -> dict[str, list[object]]:
        """What the table says of each key."""
        found = self.people.execute(f"SELECT {KEY}, {name} FROM {self.people.table}")
        return {str(key): [value] for key, value in found}


@pytest.fixture
async def table(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Table:
    """Twelve rows of users of this test's own, polled once."""
    monkeypatch.setenv("HIGHTIDE_PROBE_SECONDS", "0.1")
    people = People(installation, ROWS, [_map(driftScore="SCORE", driftCode="CODE")])
    people.execute(f"UPDATE {people.table} SET {USER} = {USER} + 700000000")
    made = Table(people, people.keys())
    made.rebuild(DRIFTING)
    await people.poll()
    assert ROWS == len(await made.read())
    return made


async def test_an_added_column_flows_with_the_rows_it_is_filled_in(table: Table) -> None:
    """Empty it changes no row; then the filled ones come, beside the old records of the others."""
    table.rebuild("*, NULL::VARCHAR(20) AS TIER")
    assert [] == await table.poll()

    filled = table.keys[:3]
    table.set("TIER", "gold", *filled)
    added = await table.poll()
    assert filled == sorted(read.key for read in added)
    assert {"gold"} == {read.row["TIER"] for read in added}
    newest = await table.newest("TIER")
    assert {key: ["gold"] if key in filled else ["absent"] for key in table.keys} == newest


async def test_a_renamed_column_is_one_removed_and_one_added(table: Table) -> None:
    """Only rows in which it held something change: for the rest there is nothing to say."""
    table.rebuild("*, NULL::VARCHAR(20) AS TIER")
    table.set("TIER", "gold", *table.keys[:3])
    await table.poll()

    table.rebuild("* EXCLUDE (TIER), TIER AS GRADE")
    renamed = await table.poll()
    assert table.keys[:3] == sorted(read.key for read in renamed)
    assert {("gold", False)} == {(read.row["GRADE"], "TIER" in read.row) for read in renamed}

    table.rebuild("* EXCLUDE (GRADE)")
    removed = await table.poll()
    assert table.keys[:3] == sorted(read.key for read in removed)
    assert not any({"TIER", "GRADE"} & read.row.keys() for read in removed)


async def test_a_wider_column_changes_no_row_and_takes_larger_values(table: Table) -> None:
    """NUMBER(10,0) → NUMBER(38,0), VARCHAR(20) → VARCHAR: the numbers of both are read exactly."""
    table.rebuild("* EXCLUDE (SCORE, CODE), SCORE::NUMBER(38,0) AS SCORE, CODE::VARCHAR AS CODE")
    assert [] == await table.poll()

    larger, longer = 12345678901234567890123, "l" * 60
    table.set("SCORE", larger, table.keys[0])
    table.set("CODE", longer, table.keys[1])
    assert table.keys[:2] == sorted(read.key for read in await table.poll())
    newest = await table.newest("SCORE", "CODE")
    assert [Decimal(larger), "short"] == newest.pop(table.keys[0])
    assert [Decimal(7), longer] == newest.pop(table.keys[1])
    assert {key: [Decimal(7), "short"] for key in table.keys[2:]} == newest


async def test_old_records_are_read_by_a_newer_schema_and_new_ones_by_an_older(
    table: Table,
) -> None:
    """A reader that knows one schema takes both: what the other lacks is null or passed over."""
    table.rebuild("* EXCLUDE (PRICE), 'gold'::VARCHAR AS TIER")
    new = await table.poll()
    old = [read for read in await table.read() if read not in new]
    assert ROWS == len(new) == len(old)

    for written, known, lacks in ((old[0], new[0], "TIER"), (new[0], old[0], "PRICE")):
        row = fastavro.schemaless_reader(
            io.BytesIO(written.body), json.loads(written.schema), json.loads(known.schema)
        )
        assert known.row.keys() == row.keys() != written.row.keys()
        assert (None, written.key) == (row[lacks], row[KEY])


@pytest.mark.parametrize(
    ("drifted", "healed", "sentence"),
    [
        pytest.param(
            "* EXCLUDE (SCORE), SCORE::VARCHAR AS SCORE",
            "* EXCLUDE (SCORE), SCORE::NUMBER(10,0) AS SCORE",
            "the type of SCORE changed; Iterable fixes a field's type for ever",
            id="a number becomes text",
        ),
        pytest.param(
            "* EXCLUDE (PRICE), PRICE::NUMBER(10,3) AS PRICE",
            "* EXCLUDE (PRICE), PRICE::NUMBER(12,2) AS PRICE",
            "the type of PRICE changed; Iterable fixes a field's type for ever",
            id="a number gets another scale, also where no sync maps it",
        ),
        pytest.param(
            "* EXCLUDE (CODE)",
            "*, 'short'::VARCHAR(20) AS CODE",
            "has no column CODE; it has ",
            id="a mapped column is removed",
        ),
    ],
)
async def test_a_model_stops_and_goes_on_by_itself_once_the_column_is_back(
    table: Table, drifted: str, healed: str, sentence: str
) -> None:
    """The state names model and column, nothing is published; then what changed meanwhile is."""
    table.rebuild(drifted)
    table.set("COUNTRY", "Atlantis", *table.keys[:2])
    async with _running(table.people) as worker:
        await _until(worker, lambda: _stops(worker) >= 3)
        state = worker.meter.models[MODEL]
        assert "stopped" == state.name
        assert f"model {MODEL}" in state.reason
        assert sentence in state.reason
        assert sample(worker, "hightide_model_state", model=MODEL, state="stopped") == 1
        assert sample(worker, "hightide_mqr_reserved_records") == 0
        assert ROWS == len(table.people.topic())

        table.rebuild(healed)
        await _until(worker, lambda: sample(worker, "hightide_polls_total", result="complete") > 0)
        assert "running" == worker.meter.models[MODEL].name

    assert ROWS + 2 == len(await table.read())
    assert table.column("COUNTRY") == await table.newest("COUNTRY")


async def test_a_removed_column_that_is_no_longer_mapped_stops_nothing(table: Table) -> None:
    """New records come without it; the sync that gave it up delivers both."""
    table.rebuild("* EXCLUDE (CODE)")
    table.people.changes.append(_unmap("driftCode"))

    records = await table.poll()
    assert table.keys == sorted(read.key for read in records)
    assert not any("CODE" in read.row for read in records)
    worker = await table.people.deliver()
    assert 2 * ROWS == sample(worker, "hightide_consumed_rows_total", sync=SYNC)
    assert [] == table.people.letters(SYNC) + table.people.letters(OTHER_SYNC)


async def test_another_type_is_accepted_on_command(table: Table) -> None:
    """After `baseline --restart` all rows come with it, beside the numbers of before."""
    table.rebuild("* EXCLUDE (PRICE), PRICE::VARCHAR AS PRICE")
    await baseline(table.people.parts(), MODEL, "restart")

    assert ["1.25"] * ROWS == [read.row["PRICE"] for read in await table.poll()]
    prices = [read.row["PRICE"] for read in await table.read()]
    assert ROWS == prices.count(Decimal("1.25")) == prices.count("1.25")


async def test_a_sync_delivers_records_of_before_and_after(table: Table) -> None:
    """A field is left alone by old records, set by new ones, and cleared where they say NULL."""
    users = {key: str(user) for key, [user] in table.column(USER).items()}
    _plant(table.people.installation, users.values(), {"driftTier": "planted"})
    table.rebuild("*, NULL::VARCHAR AS TIER")
    table.people.changes.append(_map(driftTier="TIER"))
    filled, emptied = table.keys[:3], table.keys[3]
    table.set("TIER", "gold", *filled)
    table.set("CODE", "fresh", *filled, emptied)
    assert 4 == len(await table.poll())

    worker = await table.people.deliver()

    assert ROWS + 4 == sample(worker, "hightide_consumed_rows_total", sync=SYNC)
    assert sample(worker, "hightide_rows_total", sync=SYNC, outcome="rejected") == 0
    profiles = _profiles(table.people.installation)
    found = {key: _drifted(profiles[user]) for key, user in users.items()}
    assert dict.fromkeys(filled, (7, "fresh", "gold")) == {key: found.pop(key) for key in filled}
    assert (7, "fresh", None) == found.pop(emptied)
    assert dict.fromkeys(table.keys[4:], (7, "short", "planted")) == found


def _map(**fields: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["syncs"][SYNC]["fields"] |= fields

    return change


def _unmap(field: str) -> Change:
    def change(config: dict[str, Any]) -> None:
        del config["syncs"][SYNC]["fields"][field]

    return change


def _read(record: Any, schema: str) -> Read:
    body = io.BytesIO(record.value[5:])
    row = fastavro.schemaless_reader(body, json.loads(schema), None)
    assert b"" == body.read(), "the record is longer than its schema"
    return Read(
        (record.partition, record.offset), record.key.decode(), schema, body.getvalue(), row
    )


@contextlib.asynccontextmanager
async def _running(people: People) -> AsyncIterator[Worker]:
    """A poller on its schedule, stopped and closed at the end of the context."""
    worker = people.worker(poll=True)
    await worker.open()
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop.set()
        await running


async def _until(worker: Worker, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await worker.clock.sleep(0.02)


def _stops(worker: Worker) -> float:
    return sample(worker, "hightide_errors_total", stage="poll")


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
    return fields.get("driftScore"), fields.get("driftCode"), fields.get("driftTier")
