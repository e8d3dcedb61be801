"""A model that is read whole, on a real broker: rows that leave, come back, and leave in masses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.installation import MODEL, SYNC, Installation
from tests.integration.people import People, sample
from tests.warehouse_login import KEY
from worker.app.run import Worker
from worker.operate.check import check

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

ROWS = 40
USER = "GITLAB_DOTCOM_USER_ID"


def _without_watermark(config: dict[str, Any]) -> None:
    del config["models"][MODEL]["watermark"]


@pytest.fixture
def people(installation: Installation) -> People:
    """Forty rows of a model without a watermark."""
    return People(installation, ROWS, [_without_watermark])


async def test_a_row_that_left_gets_a_delete_record_and_a_tombstone(people: People) -> None:
    """The first still says who it was, and nothing else; the second lets compaction forget."""
    await people.poll()
    key, user = _leave(people, 1)[0]

    worker = await people.poll()

    upsert, delete, tombstone = [r for r in people.topic() if r.key.decode() == key]
    assert [b"upsert", b"delete", b"delete"] == [
        dict(r.headers)["op"] for r in (upsert, delete, tombstone)
    ]
    assert upsert.partition == delete.partition == tombstone.partition
    assert (None, ROWS + 2) == (tombstone.value, len(people.topic()))
    who = await people.decoded(delete.value, [KEY, USER, "EMAIL_ADDRESS", "COUNTRY"])
    assert [key, user] == [str(value) for value in who[:2]]
    assert [None, None] == who[2:]
    assert sample(worker, "hightide_source_rows_deleted_total", model=MODEL) == 1


async def test_a_row_that_left_is_deleted_once(people: People) -> None:
    """Also for a worker that has lost its state directory; a row that comes back is published."""
    await people.poll()
    left = _leave(people, 1)[0][0]
    await people.poll()
    for file in people.parts().settings.state_dir.iterdir():
        file.unlink()

    again = await people.poll()
    assert (0, ROWS + 2) == (_deleted(again), len(people.topic()))

    _come_back(people)
    back = await people.poll()
    assert sample(back, "hightide_source_rows_total", result="published") == 1
    newest = {r.key.decode(): dict(r.headers)["op"] for r in people.topic()}
    assert newest[left] == b"upsert"


async def test_users_keep_their_profile(people: People) -> None:
    """Delete record and tombstone are consumed and skipped; the books of the sync balance."""
    await people.poll()
    _leave(people, 2)
    await people.poll()

    worker = await people.deliver()

    deleted = sample(worker, "hightide_rows_total", sync=SYNC, reason="deleted")
    consumed = sample(worker, "hightide_consumed_rows_total", sync=SYNC)
    assert (4, ROWS + 4) == (deleted, consumed)
    assert consumed == sample(worker, "hightide_rows_total", sync=SYNC)
    assert [] == people.letters(SYNC)


async def test_a_guard_stops_the_model_and_nothing_is_published(people: People) -> None:
    """Half of the rows are gone: the state says so, everything else goes on."""
    await people.poll()
    _leave(people, ROWS // 2)

    worker = await _run_until_stopped(people)

    reason = worker.meter.models[MODEL].reason
    assert "nothing was published, a guard refuses this snapshot" in reason
    assert "deleted 20 (50.0%, guard 10.0%)" in reason
    assert f"hightide snapshot {MODEL} --pass-guards" in reason
    assert sample(worker, "hightide_model_state", model=MODEL, state="stopped") == 1
    assert sample(worker, "hightide_errors_total", stage="poll", kind="guard") >= 1
    assert len(people.topic()) == ROWS
    assert all(finding.ok for finding in await check(people.parts(), create_topics=False))


async def test_the_model_goes_on_by_itself_once_its_rows_are_back(people: People) -> None:
    """What was read for a refused snapshot counts, once."""
    await people.poll()
    _leave(people, ROWS // 2)
    await _run_until_stopped(people)
    _come_back(people)

    worker = await people.poll()

    assert (0, ROWS) == (_deleted(worker), len(people.topic()))
    assert sample(worker, "hightide_source_rows_total", result="unchanged") == ROWS
    assert sample(worker, "hightide_mqr_used_records") == ROWS


def _leave(people: People, rows: int) -> list[tuple[str, str]]:
    """Let rows leave the table; return their keys and users. They are kept beside it."""
    table = people.table
    chosen = f"SELECT {KEY} FROM {table} ORDER BY {KEY} LIMIT {rows}"
    people.execute(f"CREATE TABLE {table}_GONE AS SELECT * FROM {table} WHERE {KEY} IN ({chosen})")
    people.execute(f"DELETE FROM {table} WHERE {KEY} IN (SELECT {KEY} FROM {table}_GONE)")
    found = people.execute(f"SELECT {KEY}, {USER} FROM {table}_GONE ORDER BY {KEY}")
    return [(str(key), str(user)) for key, user in found]


def _come_back(people: People) -> None:
    people.execute(f"INSERT INTO {people.table} SELECT * FROM {people.table}_GONE")


def _deleted(worker: Worker) -> float:
    return sample(worker, "hightide_source_rows_deleted_total", model=MODEL)


async def _run_until_stopped(people: People) -> Worker:
    """Poll on schedule until the model's state is `stopped`; return the worker, closed."""
    worker = people.worker(poll=True)
    await worker.open()
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(30):
        while worker.meter.models[MODEL].name != "stopped":
            await worker.clock.sleep(0.05)
    worker.stop.set()
    await running
    return worker
