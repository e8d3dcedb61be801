"""A fault of kafka-python that `connectors.kafka.mended` undoes, shown on the real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as Partition

from connectors.kafka.mended import mend_before_poll
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

RECORDS = 200


@pytest.fixture
def two_partitions(kafka_bootstrap: str, topic_prefix: str) -> Iterator[tuple[KafkaConsumer, str]]:
    """A consumer of a topic with two partitions of 200 records, 100 a poll."""
    topic = f"{topic_prefix}parked"
    create_topic(kafka_bootstrap, topic, partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    futures = [
        producer.send(topic, value=b"x", partition=number % 2) for number in range(2 * RECORDS)
    ]
    for future in futures:
        future.get(timeout=10)
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=kafka_bootstrap, enable_auto_commit=False, max_poll_records=100
    )
    consumer.assign([Partition(topic, 0), Partition(topic, 1)])
    consumer.seek_to_beginning()
    yield consumer, topic
    consumer.close()


def read_around_a_pause(
    consumer: KafkaConsumer, topic: str, before_poll: Callable[[KafkaConsumer], None]
) -> int:
    """Pause the first partition in the middle of its fetch, read the other, resume, read on."""
    got: dict[Partition, int] = {}

    def poll() -> None:
        before_poll(consumer)
        for partition, records in consumer.poll(timeout_ms=300).items():
            got[partition] = got.get(partition, 0) + len(records)

    while not got:
        poll()
    [first] = got
    other = Partition(topic, 1 - first.partition)
    consumer.pause(first)
    while got.get(other, 0) < RECORDS:
        poll()
    consumer.resume(first)
    for _ in range(6):
        poll()
    return got[first]


def test_a_parked_partition_is_read_on_with_the_mend(
    two_partitions: tuple[KafkaConsumer, str],
) -> None:
    """After a pause in the middle of a fetch every record arrives."""
    assert RECORDS == read_around_a_pause(*two_partitions, mend_before_poll)


def test_a_parked_partition_is_forgotten_without_the_mend(
    two_partitions: tuple[KafkaConsumer, str],
) -> None:
    """When this fails, kafka-python has mended it: remove the mend."""
    assert RECORDS > read_around_a_pause(*two_partitions, lambda _: None)
