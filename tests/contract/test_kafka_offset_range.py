"""A group whose place in the log is gone stops; one that never had a place begins at the start."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator

import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaPartition

from connectors.errors import ConfigurationError
from connectors.kafka.admin import KafkaAdmin
from connectors.kafka.consumer import KafkaGroupConsumer
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import ConsumerEvent
from connectors.records import Partition
from tests.closing import closed_after
from tests.group_members import Members, assigned, events_until, messages, offsets
from tests.kafka_records import change, changes, connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
async def members(
    kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> AsyncIterator[Members]:
    """Members of a group on a topic with one partition and 40 changes in it."""
    if kafka_kind == "embedded":
        pytest.skip("UNPROVED here: the stand-in deletes no records")
    async with closed_after(Members(kafka_bootstrap, kafka_kind, topic_prefix)) as made:
        create_topic(kafka_bootstrap, made.topic)
        async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as producer:
            await producer.send(made.topic, changes(40), epoch=1)
        yield made


def delete_records(bootstrap: str, partition: Partition, before: int) -> None:
    """Let the log begin at an offset, as retention does."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_records({KafkaPartition(partition.topic, partition.number): before})
    finally:
        admin.close()


async def until_it_fails(member: KafkaGroupConsumer) -> tuple[list[ConsumerEvent], str]:
    """Return the events before the failure and its kind; fail the test when none comes."""
    found: list[ConsumerEvent] = []
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            found += await member.poll(0.2)
        except ConfigurationError as error:
            return found, error.kind
    raise AssertionError(f"no failure, but {found}")


async def committed_at(members: Members, offset: int) -> None:
    """Let the group have a place in the log, and nobody in it."""
    [zero] = members.partitions(1)
    first = members.join()
    await events_until(first, messages(40))
    await first.commit({zero: offset})
    await first.close()


async def test_rows_deleted_unread_stop_the_group(members: Members, kafka_bootstrap: str) -> None:
    """Offset 5 is committed, the log begins at 20: 15 rows are missing, and nothing is read on."""
    [zero] = members.partitions(1)
    await committed_at(members, 5)
    delete_records(kafka_bootstrap, zero, 20)

    events, kind = await until_it_fails(members.join())

    assert (kind, []) == ("offset_out_of_range", events)


async def test_a_log_that_ends_before_the_groups_place_stops_it(members: Members) -> None:
    """The group is at 1000, the log ends at 40: what comes next would be passed over."""
    await committed_at(members, 1_000)

    events, kind = await until_it_fails(members.join())

    assert ("offset_out_of_range", {}) == (kind, offsets(events))


async def test_a_replay_is_the_way_out(members: Members, kafka_bootstrap: str) -> None:
    """Moved to the earliest record the group reads what is left."""
    [zero] = members.partitions(1)
    await committed_at(members, 5)
    delete_records(kafka_bootstrap, zero, 20)
    async with closed_after(KafkaAdmin(connect(kafka_bootstrap))) as admin:
        await admin.move_group(members.group, members.topic, [0], None)

    events = await events_until(members.join(), messages(20))

    assert {zero: list(range(20, 40))} == offsets(events)


async def test_a_new_group_begins_at_what_is_left(members: Members, kafka_bootstrap: str) -> None:
    """Without a committed offset nothing was promised: it reads from the first record there is."""
    [zero] = members.partitions(1)
    delete_records(kafka_bootstrap, zero, 20)

    events = await events_until(members.join(), messages(20))

    assert [{zero: 20}] == [event.starts for event in assigned(events)]
    assert {zero: list(range(20, 40))} == offsets(events)


async def test_a_reader_that_is_overtaken_stops(members: Members, kafka_bootstrap: str) -> None:
    """Paused with 4 MB before it: more than it fetches ahead is deleted before it was read."""
    [zero], dice = members.partitions(1), random.Random(1)
    member = members.join(max_poll_records=10)
    await events_until(member, messages(10))
    member.pause(frozenset({zero}))
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as producer:
        large = [change(n, dice.randbytes(2_000)) for n in range(2_000)]
        await producer.send(members.topic, large, epoch=1)
    delete_records(kafka_bootstrap, zero, 2_040)
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as producer:
        await producer.send(members.topic, changes(5), epoch=1)
    member.pause(frozenset())

    _, kind = await until_it_fails(member)

    assert "offset_out_of_range" == kind
