"""What the project takes for granted of kafka-python and Kafka, tried on this run's broker.

A new version of either that breaks one of these breaks Hightide; here it shows by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import TopicPartition as Partition
from kafka.admin import OffsetSpec
from kafka.consumer.fetcher import ConsumerRecord
from kafka.structs import OffsetAndMetadata

from tests.topics import create_topic, ends, send, wait_until

pytestmark = pytest.mark.kafka

_BASE_MS = 1_700_000_000_000
# Times that old are beyond the default retention: the broker would drop the records.
_KEPT = {"retention.ms": "-1"}


@pytest.fixture
def admin(kafka_bootstrap: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as client:
        yield client


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[KafkaProducer]:
    client = KafkaProducer(
        bootstrap_servers=kafka_bootstrap, acks="all", enable_idempotence=True, linger_ms=5
    )
    with closing(client):
        yield client


@pytest.fixture
def reader(kafka_bootstrap: str) -> Iterator[KafkaConsumer]:
    client = KafkaConsumer(
        bootstrap_servers=kafka_bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    with closing(client):
        yield client


def test_a_record_comes_back_as_it_was_sent(
    kafka_bootstrap: str, producer: KafkaProducer, reader: KafkaConsumer, topic_prefix: str
) -> None:
    """Key, value, tombstone, headers in order (a name twice) and time survive the round trip."""
    partition = Partition(f"{topic_prefix}round", 0)
    create_topic(kafka_bootstrap, partition.topic, configs=_KEPT)
    headers = [("op", b"upsert"), ("row_hash", b"\x00\xff"), ("op", b"again")]

    sent = [
        producer.send(
            partition.topic, key=b"k", value=value, headers=headers, timestamp_ms=_BASE_MS
        )
        for value in (b"value", None)
    ]
    offsets = [future.get(timeout=10).offset for future in sent]

    assert offsets == [0, 1]
    received = _read(reader, partition)
    assert [record.value for record in received] == [b"value", None]
    for record in received:
        assert (b"k", headers, _BASE_MS) == (record.key, list(record.headers), record.timestamp)


def test_compaction_keeps_the_newest_record_of_each_key(
    kafka_bootstrap: str, producer: KafkaProducer, reader: KafkaConsumer, topic_prefix: str
) -> None:
    """A model topic keeps every key's newest row, and offsets keep their meaning."""
    partition = Partition(f"{topic_prefix}compact", 0)
    configs = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
        "min.compaction.lag.ms": "0",
    }
    create_topic(kafka_bootstrap, partition.topic, configs=configs)
    rows: list[ConsumerRecord] = []
    for version in range(10):
        for key in range(5):
            producer.send(partition.topic, key=b"%d" % key, value=b"%d" % version)
    producer.flush()

    def compacted() -> bool:
        # Only a closed segment is compacted, and only a later record closes one.
        producer.send(partition.topic, key=b"roll", value=b"").get(timeout=10)
        rows[:] = [record for record in _read(reader, partition) if record.key != b"roll"]
        return len(rows) == 5

    wait_until(compacted, seconds=15)

    newest = [(b"%d" % key, b"9", 45 + key) for key in range(5)]
    assert newest == [(row.key, row.value, row.offset) for row in rows]


def test_offsets_of_an_empty_group_can_be_moved(
    kafka_bootstrap: str, producer: KafkaProducer, admin: KafkaAdminClient, topic_prefix: str
) -> None:
    """A replay moves the sync's own group back: to a number, to the start, to the end."""
    partition, group = Partition(f"{topic_prefix}moved", 0), f"{topic_prefix}group"
    create_topic(kafka_bootstrap, partition.topic)
    send(producer, partition.topic, 20)

    def committed() -> int:
        offset: int = admin.list_group_offsets({group: None})[group][partition].offset
        return offset

    admin.alter_group_offsets(group, {partition: OffsetAndMetadata(7, "by replay", -1)})
    assert committed() == 7
    admin.reset_group_offsets(group, {partition: OffsetSpec.EARLIEST})
    assert committed() == 0
    admin.reset_group_offsets(group, {partition: OffsetSpec.LATEST})
    assert committed() == 20


def test_offsets_by_end_and_by_time_are_exact(
    kafka_bootstrap: str,
    producer: KafkaProducer,
    admin: KafkaAdminClient,
    reader: KafkaConsumer,
    topic_prefix: str,
) -> None:
    """Consumer lag and replays by time count single records, not batches."""
    partition = Partition(f"{topic_prefix}times", 0)
    create_topic(kafka_bootstrap, partition.topic, configs=_KEPT)
    for second in range(30):
        producer.send(partition.topic, value=b"x", timestamp_ms=_BASE_MS + second * 1000)
    producer.flush()

    assert {partition: 30} == ends(admin, partition.topic, 1)
    assert {partition: 30} == reader.end_offsets([partition])
    for asked_ms, expected in ((0, 0), (12_000, 12), (12_001, 13), (29_000, 29)):
        found = reader.offsets_for_times({partition: _BASE_MS + asked_ms})[partition]
        assert expected == found.offset
    assert reader.offsets_for_times({partition: _BASE_MS + 29_001})[partition] is None


def _read(reader: KafkaConsumer, partition: Partition) -> list[ConsumerRecord]:
    """Every record of the partition, up to the end it has now."""
    reader.assign([partition])
    reader.seek_to_beginning(partition)
    end = reader.end_offsets([partition])[partition]
    received: list[ConsumerRecord] = []

    def at_end() -> bool:
        for records in reader.poll(timeout_ms=100).values():
            received.extend(records)
        return bool(reader.position(partition) >= end)

    wait_until(at_end)
    return received
