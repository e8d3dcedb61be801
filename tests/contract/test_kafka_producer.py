"""KafkaChangeProducer on a broker: what is sent is there, where and as it was promised."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from connectors.errors import RetryableError, TooLargeError
from connectors.kafka.producer import KafkaChangeProducer
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

    assert {number: range(10) for number in range(3)} == first
    assert {number: range(10, 11) for number in range(3)} == second
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

    assert await producer.send(topic, [], epoch=1) == {}


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

    assert await producer.send(topic, changes(20), epoch=1) == {0: range(20)}
    [found] = records(kafka_bootstrap, topic)
    assert [b"key-%d" % n for n in range(20)] == keys(found)


@pytest.mark.parametrize("topic_limit_bytes", [None, 2_000], ids=["the client's", "the topic's"])
async def test_a_record_above_the_limit_is_too_large(
    kafka_bootstrap: str,
    kafka_kind: str,
    producer: KafkaChangeProducer,
    topic_prefix: str,
    topic_limit_bytes: int | None,
) -> None:
    """Too large is told apart from an outage, and the producer goes on with the next chunk."""
    if topic_limit_bytes and kafka_kind == "embedded":
        pytest.skip("the stand-in does not hold max.message.bytes")
    topic = f"{topic_prefix}model"
    limit = {"max.message.bytes": str(topic_limit_bytes)} if topic_limit_bytes else {}
    create_topic(kafka_bootstrap, topic, configs=limit)
    noise = random.Random(1).randbytes(3 * (topic_limit_bytes or 500_000))

    with pytest.raises(TooLargeError, match=r"raise max\.message\.bytes"):
        await producer.send(topic, [change(0, noise)], epoch=1)

    assert await producer.send(topic, [change(1)], epoch=1) == {0: range(1)}


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
    assert await producer.send(topic, [change(0)], epoch=1) == {0: range(1)}
