"""Topics for tests: made ready, filled, measured; and a bounded wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from kafka import KafkaAdminClient, KafkaProducer
from kafka import TopicPartition as Partition
from kafka.admin import OffsetSpec


def create_topic(
    bootstrap: str, topic: str, partitions: int = 1, configs: Mapping[str, str] | None = None
) -> None:
    """Create a topic; it can be written to when this returns."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}
        admin.create_topics({topic: wanted}, wait_for_metadata=True)
    finally:
        admin.close()


def send(producer: KafkaProducer, topic: str, count: int) -> None:
    """Write `count` records; the broker holds them when this returns."""
    futures = [producer.send(topic, key=b"%d" % n, value=b"x" * 100) for n in range(count)]
    producer.flush()
    for future in futures:
        future.get(timeout=10)


def ends(admin: KafkaAdminClient, topic: str, partitions: int) -> dict[Partition, int]:
    """The log end offset of each partition."""
    wanted = {Partition(topic, number): OffsetSpec.LATEST for number in range(partitions)}
    found = admin.list_partition_offsets(wanted)
    return {partition: at.offset for partition, at in found.items()}


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return once the condition holds; fail the test if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        threading.Event().wait(0.02)
