"""What happens to a topic while a sync reads and writes: it goes, it is compacted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kafka.admin import KafkaAdmin
from tests.closing import closed_after
from tests.faults.crew import Crew, crew
from tests.faults.far_end import BAD, FarEnd
from tests.kafka_records import connect, records
from tests.topics import create_topic

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
}
PEOPLE = [f"p{number}" for number in range(40)]


@pytest.fixture
async def one(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kafka_bootstrap: str,
    kafka_kind: str,
    topic_prefix: str,
) -> AsyncIterator[Crew]:
    """A crew of one sync on a topic that is compacted as soon as may be."""
    if kafka_kind == "embedded":
        pytest.skip("UNPROVED here: the stand-in neither compacts nor loses a topic")
    create_topic(kafka_bootstrap, f"{topic_prefix.rstrip('-')}.model.people", 4, COMPACTED)
    broker = (kafka_bootstrap, kafka_kind)
    far_end = FarEnd(latency_seconds=0.2, max_rows=20, calls_per_second=40.0)
    async with crew(monkeypatch, tmp_path, broker, topic_prefix, production=far_end) as made:
        yield made


async def committed(crew: Crew, bootstrap: str) -> int:
    """The sum of the group's offsets."""
    async with closed_after(KafkaAdmin(connect(bootstrap))) as admin:
        state = await admin.group(crew.parts.names.group("production"), crew.topic)
        return sum(state.committed.values())


async def test_dead_letters_that_nobody_takes(one: Crew, kafka_bootstrap: str) -> None:
    """Their topic is gone: the good rows arrive, no offset passes the bad one, until it is back."""
    names = one.parts.names.dead_letters("production")
    worker = await one.join()
    async with closed_after(KafkaAdmin(connect(kafka_bootstrap))) as admin:
        await admin.delete([names])
    await one.publish({**dict.fromkeys(PEOPLE, 1), "p7": BAD})
    await one.until(lambda: one.is_done("production"))
    await one.until(lambda: worker.meter.syncs["production"].name != "running")
    assert await committed(one, kafka_bootstrap) < len(PEOPLE)
    assert not worker.meter.counts.get("rejected")

    create_topic(kafka_bootstrap, names, 4)
    await one.until(lambda: worker.meter.counts.get("rejected") == 1, 60.0)
    await one.leave(worker)

    letters = [one for found in records(kafka_bootstrap, names, 4) for one in found]
    assert [b"p7"] == [letter.key for letter in letters]
    assert len(PEOPLE) == await committed(one, kafka_bootstrap)


async def test_compaction_under_a_reader(one: Crew, kafka_bootstrap: str) -> None:
    """Old versions leave the log while it is read: gaps are passed, each newest row arrives."""
    worker = await one.join()
    version = 0

    def kept() -> int:
        return sum(map(len, records(kafka_bootstrap, one.topic, 4)))

    while version < 30 or await asyncio.to_thread(kept) == version * len(PEOPLE):
        version += 1
        assert version < 200, "the broker does not compact"
        await one.publish(dict.fromkeys(PEOPLE, version))
        await asyncio.sleep(0.1)  # noqa: TID251  # only a later record closes a segment
    await one.until(lambda: one.is_done("production"))
    await one.leave(worker)

    far_end = one.far_ends["production"]
    assert [] == far_end.older
    assert version * len(PEOPLE) == await committed(one, kafka_bootstrap)
