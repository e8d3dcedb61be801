"""Three processes, one limit: together as fast as one may be, and in no second faster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from connectors.avro import RowEncoder, row_schema
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.producer import KafkaChangeProducer
from connectors.kafka.schemas import TopicSchemas
from connectors.kafka.topics import TopicNames
from connectors.records import Change, Column, ColumnType
from tests.e2e.system import MODEL, SYNC, System, WorkerProcess, installation, wait_until
from worker.clock import SystemClock

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

PARTITIONS = 6
RATE = 4.5  # nine tenths of the five a second that Iterable permits
PAGE = 5_000
COLUMNS = (Column("ID", ColumnType.TEXT), Column("NAME", ColumnType.TEXT))


@pytest.fixture
def system(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """A topic that is filled by hand, and a destination that answers within half a second."""
    prefix = topic_prefix.rstrip("-")
    with installation(
        tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=10, latency_ms="50:500"
    ) as made:
        config = yaml.safe_load(made.config_path.read_text())
        # A silent process is replaced after 4 s: until then its turns go unused.
        config["kafka"] |= {"partitions": PARTITIONS, "session_timeout": "4s"}
        config["syncs"][SYNC] |= {
            "mode": "upsert",
            "match": {"userId": "ID"},
            "fields": {"firstName": "NAME"},
        }
        made.config_path.write_text(yaml.safe_dump(config))
        yield made


async def fill(system: System, rows: Mapping[int, int]) -> None:
    """Write so many rows to each partition."""
    kafka, names = system.config.kafka, TopicNames(system.config.kafka.topic_prefix)
    connection = KafkaConnection(tuple(kafka.bootstrap_servers), {})
    schemas = TopicSchemas(connection, names.schemas)
    producer = KafkaChangeProducer(connection)
    try:
        schema = row_schema(MODEL, COLUMNS)
        encoder = RowEncoder(schema, await schemas.register(MODEL, schema), COLUMNS)
        number = 0
        for partition, count in rows.items():
            for start in range(0, count, PAGE):
                ids = [str(number + i) for i in range(min(PAGE, count - start))]
                number += len(ids)
                changes = [
                    Change(name.encode(), value, partition, b"%016d" % int(name), 1)
                    for name, value in zip(ids, encoder.encode((i, i) for i in ids), strict=True)
                ]
                await producer.send(names.model(MODEL), changes, 1)
    finally:
        await producer.close()
        await schemas.close()


def calls(system: System, since: float) -> list[float]:
    """Return when bulk calls came in, from a moment on."""
    journal = (orjson.loads(line) for line in system.get("journal").splitlines())
    found = [c["arrived_at_seconds"] for c in journal if c["path"] == "/api/users/bulkUpdate"]
    return [at for at in found if at >= since]


def used(system: System, since: float) -> float:
    """Return the share of the permitted rate that was used from a moment until now."""
    found = calls(system, since)
    return len(found) / (RATE * (found[-1] - since)) if found else 0.0


def stats(system: System) -> dict[str, Any]:
    return dict(json.loads(system.get("stats")))


def now() -> float:
    """Return the moment, as the destination's journal has it."""
    return SystemClock(asyncio.Event()).now()


def sleep(seconds: float) -> None:
    """Let the workers work; nothing is waited for."""
    wait_until(lambda: False, seconds)


def watch(system: System, seconds: float) -> float:
    """Return the share of the rate that is used from now on for so long."""
    since = now()
    sleep(seconds)
    return used(system, since)


def never_too_fast(system: System) -> None:
    found = stats(system)
    assert 0 == found["rate_limited"]
    assert max(found["busiest_second"].values()) <= 5


def started(system: System, count: int) -> list[WorkerProcess]:
    workers = [system.start("deliver") for _ in range(count)]
    owned = "hightide_assigned_partitions"
    assert wait_until(
        lambda: [PARTITIONS // count] * count == [w.metric(owned) for w in workers], 60
    )
    return workers


def test_three_processes_use_the_rate_also_when_one_is_killed_and_one_is_added(
    system: System,
) -> None:
    """At least 95 % with three, over a crash, and with a new one; never a sixth call."""
    check_topics(system)
    asyncio.run(fill(system, dict.fromkeys(range(PARTITIONS), 60_000)))
    first, *_ = started(system, 3)
    sleep(10.0)  # what may have been in flight before is read again first
    assert watch(system, 10.0) >= 0.95

    since = now()
    first.kill()
    sleep(2.0)
    fourth = system.start("deliver")
    assert wait_until(lambda: fourth.metric("hightide_assigned_partitions") >= 1, 60)
    sleep(max(0.0, since + 45.0 - now()))
    assert used(system, since) >= 0.95
    never_too_fast(system)


def test_three_processes_use_the_rate_when_one_partition_has_all_the_rows(system: System) -> None:
    """Its owner gets the others' turns: they have nothing to send."""
    check_topics(system)
    asyncio.run(fill(system, {2: 320_000}))
    started(system, 3)
    sleep(36.0)  # two periods: the weights are told in one and hold from the next one on
    assert watch(system, 25.0) >= 0.95
    never_too_fast(system)


def check_topics(system: System) -> None:
    """Create the topics."""
    check = system.start("check", "--create-topics")
    check.process.wait(timeout=60)
