"""KafkaAdmin on a broker: topics, groups, and moving a group for a replay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from kafka import KafkaProducer

from connectors.errors import ConfigurationError
from connectors.kafka.admin import GroupState, KafkaAdmin
from connectors.kafka.topics import Topic
from tests.closing import closed_after
from tests.group_members import Members, events_until, messages
from tests.kafka_records import connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

BASE_MS = 1_790_000_000_000


@pytest.fixture
async def admin(kafka_bootstrap: str) -> AsyncIterator[KafkaAdmin]:
    async with closed_after(KafkaAdmin(connect(kafka_bootstrap))) as port:
        yield port


@pytest.fixture
async def members(
    kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> AsyncIterator[Members]:
    """A group on a topic with two partitions, ten records a second apart in each."""
    async with closed_after(Members(kafka_bootstrap, kafka_kind, topic_prefix)) as made:
        # The times are old: the broker must not drop the records for it.
        create_topic(kafka_bootstrap, made.topic, partitions=2, configs={"retention.ms": "-1"})
        with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")) as producer:
            for n in range(20):
                at_ms = BASE_MS + n // 2 * 1_000
                producer.send(made.topic, value=b"x", partition=n % 2, timestamp_ms=at_ms)
            producer.flush()
        yield made


async def test_creating_topics_twice_changes_nothing(admin: KafkaAdmin, topic_prefix: str) -> None:
    """The first call names what it made, the next one makes what is still missing."""
    wanted = [
        Topic(f"{topic_prefix}{name}", count, {"cleanup.policy": "compact"})
        for name, count in (("one", 1), ("three", 3))
    ]

    assert await admin.create(wanted[:1], 1) == [wanted[0].name]
    assert await admin.create(wanted, 1) == [wanted[1].name]
    assert await admin.create(wanted, 1) == []

    assert {topic.name for topic in wanted} <= await admin.topics()
    assert await admin.end_offsets(wanted[1].name) == {0: 0, 1: 0, 2: 0}


async def test_two_processes_that_start_at_once_both_have_their_topics(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """Both find them missing and create them; neither fails."""
    wanted = [Topic(f"{topic_prefix}{n}", 1, {}) for n in range(5)]
    one, two = KafkaAdmin(connect(kafka_bootstrap)), KafkaAdmin(connect(kafka_bootstrap))
    async with closed_after(one), closed_after(two):
        await asyncio.gather(one.create(wanted, 1), two.create(wanted, 1))
        assert {topic.name for topic in wanted} <= await one.topics()


async def test_a_replication_the_cluster_cannot_give_is_an_error(
    admin: KafkaAdmin, kafka_kind: str, topic_prefix: str
) -> None:
    """Three copies on one node: a sentence, and the topic is not there."""
    if kafka_kind != "apache":
        pytest.skip("needs a cluster that is known to have one node")
    wanted = [Topic(f"{topic_prefix}copies", 1, {})]

    with pytest.raises(
        ConfigurationError, match=r"check kafka\.partitions and kafka\.replication_factor"
    ):
        await admin.create(wanted, 3)

    assert wanted[0].name not in await admin.topics()


async def test_a_group_has_members_and_committed_offsets(
    admin: KafkaAdmin, members: Members
) -> None:
    """One member; after it left, its offsets stay; of a group or topic never used, nothing."""
    member = members.join()
    await events_until(member, messages(20))
    await member.commit({members.partitions(2)[1]: 4})

    assert await admin.group(members.group, members.topic) == GroupState(1, {1: 4})
    await member.close()
    assert await admin.group(members.group, members.topic) == GroupState(0, {1: 4})
    assert await admin.group(members.group, "another-topic") == GroupState(0, {})
    assert await admin.group("another-group", members.topic) == GroupState(0, {})


@pytest.mark.parametrize(
    ("to_ms", "expected"),
    [(None, 0), (BASE_MS + 4_000, 4), (BASE_MS + 4_001, 5), (BASE_MS + 3_600_000, 10)],
    ids=["earliest", "a time", "just after it", "a time to come"],
)
async def test_a_stopped_group_goes_where_it_is_moved(
    admin: KafkaAdmin, members: Members, to_ms: int | None, expected: int
) -> None:
    """Its next member starts there; a time after the last record means the end."""
    member = members.join()
    await events_until(member, messages(20))
    await member.commit(dict.fromkeys(members.partitions(2), 10))
    await member.close()

    moved = await admin.move_group(members.group, members.topic, [0, 1], to_ms)

    assert {0: expected, 1: expected} == moved
    assert moved == await admin.offsets_at(members.topic, to_ms)
    assert moved == (await admin.group(members.group, members.topic)).committed


async def test_a_group_that_never_ran_can_be_moved(admin: KafkaAdmin, members: Members) -> None:
    """The first replay may come before the first deliver process."""
    assert await admin.move_group(members.group, members.topic, [0, 1], None) == {0: 0, 1: 0}


async def test_a_group_with_members_is_not_moved(admin: KafkaAdmin, members: Members) -> None:
    """They would commit over it: refused with what to do, and the offsets stay."""
    member = members.join()
    await events_until(member, messages(20))
    await member.commit(dict.fromkeys(members.partitions(2), 10))

    began = time.monotonic()
    with pytest.raises(ConfigurationError, match="stop its deliver processes first"):
        await admin.move_group(members.group, members.topic, [0, 1], None)

    assert time.monotonic() - began < 10
    assert (await admin.group(members.group, members.topic)).committed == {0: 10, 1: 10}
