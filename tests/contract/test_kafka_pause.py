"""A pause outlives a rebalance, which kafka-python forgets: back-pressure stays in force."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.kafka.producer import KafkaChangeProducer
from tests.closing import closed_after
from tests.group_members import Members, assigned, events_until, messages, offsets, revoked
from tests.kafka_records import changes, connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
async def members(
    kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> AsyncIterator[Members]:
    """Members of a group on a topic with two partitions, ten changes in each."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in does not hand partitions over as Kafka does")
    async with closed_after(Members(kafka_bootstrap, kafka_kind, topic_prefix)) as made:
        create_topic(kafka_bootstrap, made.topic, partitions=2)
        await send(kafka_bootstrap, made.topic, 20)
        yield made


async def send(bootstrap: str, topic: str, count: int) -> None:
    async with closed_after(KafkaChangeProducer(connect(bootstrap))) as producer:
        await producer.send(topic, changes(count), epoch=1)


async def test_what_is_paused_stays_paused_when_a_member_joins_and_leaves(
    members: Members, kafka_bootstrap: str
) -> None:
    """The partition goes and comes back; nothing of either is read before they are resumed."""
    both = frozenset(members.partitions(2))
    first = members.join()
    await events_until(first, messages(20))
    await first.commit(dict.fromkeys(both, 10))
    first.pause(both)
    second = members.join()
    [gone] = revoked(await events_until(first, lambda events: bool(revoked(events))))
    first.release({})
    await events_until(second, lambda events: bool(assigned(events)))
    await second.close()
    back = await events_until(first, lambda events: bool(assigned(events)))
    assert gone.partitions == frozenset(assigned(back)[-1].starts)

    await send(kafka_bootstrap, members.topic, 4)
    assert {} == offsets([*back, *await first.poll(1.5)])

    first.pause(frozenset())
    found = offsets(await events_until(first, messages(4)))
    assert {partition: [10, 11] for partition in both} == found
