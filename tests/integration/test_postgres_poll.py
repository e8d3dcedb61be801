"""The whole way from PostgreSQL to the topic, and `hightide check` over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.avro import RowDecoder, schema_id_of
from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Installation
from tests.kafka_records import records
from tests.postgres import PASSWORD, PostgresServer, postgres
from worker.app.parts import Parts
from worker.app.run import Worker
from worker.operate.check import check

__all__ = ["postgres"]

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.warehouse]

TABLE = """CREATE TABLE contacts (
    id uuid PRIMARY KEY, user_id int8, name text, spent numeric(10, 2), tags text[], plan jsonb,
    changed_at timestamptz
)"""
ROWS = """INSERT INTO contacts
SELECT md5(i::text)::uuid, i, 'name ' || i, i * 1.10, ARRAY['a', 'b'], '{"seats": 3}',
    now() - i * interval '1 minute'
FROM generate_series(61, 2660) i"""
SQL = "SELECT * FROM contacts -- all of them"


@pytest.fixture
def shop(
    installation: Installation, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """The installation, with a table of contacts in PostgreSQL."""
    monkeypatch.setenv("HIGHTIDE_TEST_POSTGRES", PASSWORD)
    postgres.run("DROP TABLE IF EXISTS contacts", TABLE, ROWS)
    return installation


@pytest.mark.parametrize("watermark", ["changed_at", None], ids=["changes", "snapshot"])
async def test_rows_of_postgres_arrive_in_the_topic(
    shop: Installation, postgres: PostgresServer, kafka_bootstrap: str, watermark: str | None
) -> None:
    """All of them once; after that what changed, and nothing when nothing did."""
    parts = shop.parts(_reads(postgres, watermark))
    first = await _poll(parts, kafka_bootstrap)
    assert 2_600 == len(first) == len({record.key for record in first})

    row = (await _rows(parts, first))[_uuid(postgres, 61)]
    assert ("name 61", '["a","b"]', '{"seats": 3}') == (row["name"], row["tags"], row["plan"])
    assert "67.10" == str(row["spent"])

    assert 2_600 == len(await _poll(parts, kafka_bootstrap))
    postgres.run("UPDATE contacts SET name = 'other', changed_at = now() WHERE user_id = 70")
    [newest] = (await _poll(parts, kafka_bootstrap))[2_600:]
    assert _uuid(postgres, 70) == newest.key.decode()


async def test_a_row_that_left_is_deleted(
    shop: Installation, postgres: PostgresServer, kafka_bootstrap: str
) -> None:
    """Snapshots see that; the record that says so carries the key."""
    parts = shop.parts(_reads(postgres, None))
    first = await _poll(parts, kafka_bootstrap)
    gone = _uuid(postgres, 70)
    postgres.run("DELETE FROM contacts WHERE user_id = 70")

    later = (await _poll(parts, kafka_bootstrap))[len(first) :]

    assert {gone} == {record.key.decode() for record in later}


async def test_an_installation_on_postgres_is_in_order(
    shop: Installation, postgres: PostgresServer
) -> None:
    """`hightide check` reaches it and counts its rows."""
    findings = await check(shop.parts(_reads(postgres, "changed_at")), create_topics=False)

    assert [] == [finding.what for finding in findings if not finding.ok]
    [model] = [finding for finding in findings if finding.what == f"model {MODEL}"]
    assert (
        "7 columns, 2,600 rows, read by changed_at, a timestamp; every row can be read"
        == model.sentence
    )


async def test_what_is_wrong_with_a_postgres_model_is_found(
    shop: Installation, postgres: PostgresServer
) -> None:
    """The sentence is the connector's, at the model it is about."""
    change = _reads(postgres, "changed_at")

    def broken(config: dict[str, Any]) -> None:
        change(config)
        config["models"][MODEL]["sql"] = "SELECT *, interval '1 day' AS age FROM contacts"

    [wrong] = [f for f in await check(shop.parts(broken), create_topics=False) if not f.ok]
    assert f"model {MODEL}" == wrong.what
    assert "column age has the type interval" in wrong.sentence


def _reads(postgres: PostgresServer, watermark: str | None) -> Any:
    options = {**postgres.options, "password": {"env": "HIGHTIDE_TEST_POSTGRES"}}

    def change(config: dict[str, Any]) -> None:
        config["sources"] = {"shop": {"type": "postgres", "connection": options}}
        model: dict[str, Any] = {"source": "shop", "sql": SQL, "primary_key": "id"}
        model |= {"change_tokens": ["contacts"], "settle_delay": 0}
        config["models"] = {MODEL: model | ({"watermark": watermark} if watermark else {})}
        config["syncs"][SYNC] |= {"match": {"userId": "user_id"}, "fields": {"firstName": "name"}}

    return change


async def _poll(parts: Parts, bootstrap: str) -> list[Any]:
    """Poll once as a process of its own would; return what the topic holds, oldest first."""
    worker = Worker(parts.config, parts.settings, poll=True, deliver=False)
    await worker.open()
    await worker.poll_once()
    found = records(bootstrap, parts.names.model(MODEL), partitions=2)
    return sorted((r for one in found for r in one), key=lambda record: record.timestamp)


async def _rows(parts: Parts, found: list[Any]) -> Mapping[str, Mapping[str, object]]:
    async with closed_after(parts.schemas()) as schemas:
        schema = await schemas.by_id(schema_id_of(found[0].value))
    assert schema is not None
    decoder = RowDecoder(schema)
    rows = [decoder.decode(record.value) for record in found]
    return {str(row["id"]): row for row in rows}


def _uuid(postgres: PostgresServer, number: int) -> str:
    return str(postgres.value(f"SELECT id FROM contacts WHERE user_id = {number}"))
