"""KafkaChangeProducer on a broker: what is sent is there, where and as it was promised."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.errors import RetryableError
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import Sent
from tests.closing import closed_after
from tests.kafka_records import change, changes, connect, keys, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[KafkaChangeProducer]:
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as port:
        yield port


async def test_offsets_by_partition_hold_every_change(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """A change lies in partition hash % count, in the order sent, within the offsets returned."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=3)

    first = await producer.send(topic, changes(30), epoch=1)
    second = await producer.send(topic, changes(3), epoch=1)

    assert Sent([n % 3 for n in range(30)], {n: range(10) for n in range(3)}) == first
    assert Sent([0, 1, 2], {n: range(10, 11) for n in range(3)}) == second
    for number, found in enumerate(records(kafka_bootstrap, topic, 3)):
        sent = [*range(number, 30, 3), number]
        assert [b"key-%d" % n for n in sent] == keys(found)


async def test_a_change_carries_hash_operation_time_and_epoch(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """Four headers in this order; a deletion is a tombstone that still says so."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)

    await producer.send(topic, [change(0), change(1, value=None)], epoch=12)

    [(upsert, tombstone)] = records(kafka_bootstrap, topic)
    assert upsert.value == b"row"
    assert upsert.headers == [
        ("row_hash", b"hash-0"),
        ("op", b"upsert"),
        ("changed_at", b"1790000000123456000"),
        ("epoch", b"12"),
    ]
    assert tombstone.value is None
    assert dict(tombstone.headers)["op"] == b"delete"


async def test_nothing_to_send_is_no_failure(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """An empty chunk got no offsets."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)

    assert await producer.send(topic, [], epoch=1) == Sent([], {})


async def test_unacknowledged_bytes_are_bounded(
    kafka_bootstrap: str,
    producer: KafkaChangeProducer,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With room for two changes without an ack, a long chunk still arrives whole, in order."""
    monkeypatch.setattr("connectors.kafka.producer.MAX_UNACKED_BYTES", 20)
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)

    assert (await producer.send(topic, changes(20), epoch=1)).offsets == {0: range(20)}
    [found] = records(kafka_bootstrap, topic)
    assert [b"key-%d" % n for n in range(20)] == keys(found)


async def test_a_missing_topic_is_not_made_up(
    kafka_bootstrap: str,
    kafka_kind: str,
    producer: KafkaChangeProducer,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is sent and no topic appears; once it is there, the same call works."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in makes up every topic it is asked for")
    monkeypatch.setattr("connectors.kafka.producer.REQUEST_TIMEOUT_MS", 1_500)
    topic = f"{topic_prefix}model"
    with pytest.raises(RetryableError):
        await producer.send(topic, [change(0)], epoch=1)

    create_topic(kafka_bootstrap, topic)
    assert await producer.send(topic, [change(0)], epoch=1) == Sent([0], {0: range(1)})
