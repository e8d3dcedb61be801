"""kafka-python's partitions, records and offsets, as ours and back."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from connectors.records import Message, Partition


def partition_of(partition: Any) -> Partition:
    """Return a kafka-python partition as ours."""
    return Partition(partition.topic, partition.partition)


def message_of(partition: Partition, record: Any) -> Message:
    """Return a kafka-python record as ours."""
    return Message(
        partition,
        record.offset,
        record.key or b"",
        record.value,
        # Thousands of messages wait; one copy of each header's name is enough for them.
        [(intern(name), value) for name, value in record.headers],
        record.timestamp,
    )


def to_kafka(offsets: Mapping[Partition, int], note: str = "") -> dict[Any, Any]:
    """Return next offsets as kafka-python commits them, a note beside the first partition's."""
    return {
        TopicPartition(p.topic, p.number): OffsetAndMetadata(o, "" if p.number else note, -1)
        for p, o in offsets.items()
    }
