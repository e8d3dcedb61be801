"""`hightide check` on real parts: in order, or with one thing broken and its sentence."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Installation
from tests.topics import create_topic
from tests.warehouse_login import log_in
from worker.operate.check import Finding, check

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]


async def test_an_installation_in_order(installation: Installation) -> None:
    """Every system is reached, and it says what would run; it only reads."""
    parts = installation.parts()
    findings = await check(parts, create_topics=False)

    assert [] == _wrong(findings)
    what = ["secrets", "kafka", f"model {MODEL}", f"sync {SYNC}", f"fields {SYNC}"]
    assert ["configuration", *what] == [finding.what for finding in findings]
    said = [finding.sentence for finding in findings]
    assert "iterable users (update), every 24h" in said[0]
    assert "topics missing, they are created at start" in said[2]
    assert re.fullmatch(
        r"19 columns, \d+ rows, read by LAST_CHANGED, a timestamp; every row can be read", said[3]
    )
    assert said[4] == (
        "reachable, key accepted; up to 4.5 calls a second of 1,000 rows; "
        "Iterable itself skips users it does not know"
    )
    assert said[5].startswith("no conflict; new in Iterable: firstName, lastName, country")
    async with closed_after(parts.admin()) as admin:
        assert not {topic.name for topic in parts.topics()} & await admin.topics()


async def test_topics_are_created_on_demand(installation: Installation) -> None:
    """With --create-topics they are made once; the next check finds all of them."""
    parts = installation.parts()

    [first] = [f for f in await check(parts, create_topics=True) if f.what == "kafka"]
    [second] = [f for f in await check(parts, create_topics=True) if f.what == "kafka"]

    prefix = installation.topic_prefix.strip("-")
    assert first.ok
    assert f"created {prefix}.ledger, {prefix}.schemas, {prefix}.model.{MODEL}" in first.sentence
    assert second.sentence == "reachable; all 4 topics are there"


async def test_topics_made_by_hand_that_would_lose_rows(
    installation: Installation, kafka_bootstrap: str
) -> None:
    """A ledger that forgets and a model topic that deletes are named, with what they must be."""
    names = installation.parts().names
    create_topic(kafka_bootstrap, names.ledger, configs={"retention.ms": "604800000"})
    create_topic(kafka_bootstrap, names.model(MODEL), 2, {"cleanup.policy": "delete"})

    [found] = [
        f for f in await check(installation.parts(), create_topics=False) if f.what == "kafka"
    ]

    assert not found.ok
    assert f"{names.ledger} has retention.ms=604800000, it needs 8208000000" in found.sentence
    assert f"{names.model(MODEL)} has cleanup.policy=delete, it must be compact" in found.sentence


async def test_a_snapshot_model_on_the_topic_of_one_that_was_followed(
    installation: Installation, kafka_kind: str
) -> None:
    """The topic of before would lose who it was that left: said, with what it needs."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in does not know these settings")
    await check(installation.parts(), create_topics=True)

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL]["read"] = "snapshot"

    parts = installation.parts(change)
    [found] = [f for f in await check(parts, create_topics=False) if f.what == "kafka"]

    assert not found.ok
    week = "min.compaction.lag.ms=0, it needs 604800000 at least"
    assert f"{parts.names.model(MODEL)} has {week}" == found.sentence


async def test_a_snapshot_models_topic_is_created_as_it_must_be(
    installation: Installation,
) -> None:
    """The broker takes the settings, and the next check finds nothing wrong with them."""

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL]["read"] = "snapshot"

    parts = installation.parts(change)
    for _ in range(2):
        [found] = [f for f in await check(parts, create_topics=True) if f.what == "kafka"]
        assert found.ok, found.sentence


async def test_a_kafka_that_is_away(installation: Installation, monkeypatch: Any) -> None:
    """The rest is looked at all the same, within seconds."""
    monkeypatch.setattr("connectors.kafka.connection.CONNECT_TIMEOUT_MS", 1_500)
    nowhere = f"127.0.0.1:{_closed_port()}"

    def change(config: dict[str, Any]) -> None:
        config["kafka"]["bootstrap_servers"] = [nowhere]

    began = time.monotonic()
    findings = await check(installation.parts(change), create_topics=False)

    [wrong] = _wrong(findings)
    assert wrong.what == "kafka"
    assert wrong.sentence.startswith(f"Kafka at {nowhere} did not answer while listing topics")
    assert len(findings) == 6
    assert time.monotonic() - began < 10


async def test_a_snowflake_that_is_away(installation: Installation) -> None:
    """One finding, for its model."""
    port = _closed_port()

    def change(config: dict[str, Any]) -> None:
        config["sources"]["snowflake"]["connection"]["port"] = port

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert wrong.what == f"model {MODEL}"
    assert "Snowflake account sandbox did not answer" in wrong.sentence


async def test_a_wrong_password(installation: Installation, monkeypatch: Any) -> None:
    """Says what to check and never the password."""
    monkeypatch.setenv("HIGHTIDE_TEST_PASSWORD", "not-it")

    [wrong] = _wrong(await check(installation.parts(), create_topics=False))
    assert "refused the login" in wrong.sentence
    assert "not-it" not in wrong.sentence


async def test_a_table_that_is_not_there(installation: Installation) -> None:
    """The statement is refused, by whatever reason: SQL, objects, rights."""

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL]["sql"] = "SELECT * FROM SENSITIVE.NO_SUCH_TABLE"

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert "its objects exist and that the role may read them" in wrong.sentence


@pytest.mark.parametrize(
    ("place", "name"),
    [("primary_key", "NO_KEY"), ("watermark", "NO_TIME"), ("partition_by", "NO_USER")],
)
async def test_a_column_the_model_does_not_have(
    installation: Installation, place: str, name: str
) -> None:
    """Named, together with the columns there are."""

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL][place] = name

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert f"no column {name}" in wrong.sentence
    assert "DIM_MARKETING_CONTACT_ID" in wrong.sentence


async def test_mapped_columns_the_model_does_not_have(installation: Installation) -> None:
    """Those of fields and match are looked for too, all at once."""

    def change(config: dict[str, Any]) -> None:
        config["syncs"][SYNC]["fields"] |= {"a": "NO_FIELD", "b": "NO_OTHER"}
        config["syncs"][SYNC]["match"] = {"userId": "NO_MATCH"}

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert "no column NO_FIELD, NO_MATCH, NO_OTHER" in wrong.sentence


async def test_a_watermark_that_is_no_time(installation: Installation) -> None:
    """A text can't be ordered by: said before a run finds out."""

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL]["watermark"] = "EMAIL_ADDRESS"

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert "EMAIL_ADDRESS must be a timestamp, a date or a whole number" in wrong.sentence


async def test_rows_without_key_or_watermark(installation: Installation, topic_prefix: str) -> None:
    """Counted, with what to do."""
    table = f"SENSITIVE.{topic_prefix.strip('-').upper()}"
    with log_in(installation.warehouse) as login, closing(login.cursor()) as cursor:
        cursor.execute(f"CREATE TABLE {table} AS SELECT * FROM {_TABLE} LIMIT 3")
        cursor.execute(f"UPDATE {table} SET LAST_CHANGED = NULL")

    def change(config: dict[str, Any]) -> None:
        config["models"][MODEL]["sql"] = f"SELECT * FROM {table}"

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert "3 rows whose watermark LAST_CHANGED is NULL are never read" in wrong.sentence
    assert "leave them out in the SQL" in wrong.sentence


async def test_a_revoked_key(installation: Installation) -> None:
    """The finding is the sync's; nothing of the key is in it."""
    key = installation.iterable.ready["api_key"]
    installation.iterable.ask("keys", {"revoke": key})
    try:
        [wrong] = _wrong(await check(installation.parts(), create_topics=False))
    finally:
        installation.iterable.ask("keys", {"restore": key})
    assert wrong.what == f"sync {SYNC}"
    assert "Iterable refused the API key (401)" in wrong.sentence
    assert key not in wrong.sentence


async def test_an_iterable_that_is_away(installation: Installation) -> None:
    """The address is in the sentence."""
    url = f"http://127.0.0.1:{_closed_port()}"

    def change(config: dict[str, Any]) -> None:
        config["destinations"]["iterable"]["base_url"] = url

    [wrong] = _wrong(await check(installation.parts(change), create_topics=False))
    assert wrong.sentence.startswith(f"Iterable at {url} is not reachable")


@pytest.mark.parametrize(
    ("name", "whats"),
    [
        ("HIGHTIDE_TEST_KEY", {"secrets", f"sync {SYNC}"}),
        ("HIGHTIDE_TEST_MQR_KEY", {"secrets"}),
        ("HIGHTIDE_TEST_PASSWORD", {f"model {MODEL}"}),
    ],
)
async def test_a_secret_that_is_not_set(
    installation: Installation, monkeypatch: Any, name: str, whats: set[str]
) -> None:
    """Each place that needs it names the variable."""
    monkeypatch.delenv(name)

    wrong = _wrong(await check(installation.parts(), create_topics=False))
    assert whats == {finding.what for finding in wrong}
    assert all(f"environment variable {name} is empty or missing" in f.sentence for f in wrong)


_TABLE = "SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"


def _wrong(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
