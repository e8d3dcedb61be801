"""Changes to send, and what a topic holds of them, read without any code of the worker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer
from kafka import TopicPartition as Partition

from connectors.kafka.connection import KafkaConnection
from connectors.records import Change
from tests.topics import wait_until


def connect(bootstrap: str, **options: object) -> KafkaConnection:
    """How the connectors reach the broker of a test; `options` are kafka-python's own."""
    return KafkaConnection((bootstrap,), options)


def change(number: int, value: bytes | None = b"row") -> Change:
    """A change whose every field tells its number; without a value it is a tombstone."""
    return Change(
        key=b"key-%d" % number,
        value=value,
        partition_hash=number,
        row_hash=b"hash-%d" % number,
        changed_at_ns=1_790_000_000_123_456_000 + number,
        op="upsert" if value is not None else "delete",
    )


def changes(count: int) -> list[Change]:
    """Changes 0, 1, 2, ... in order."""
    return [change(number) for number in range(count)]


def records(bootstrap: str, topic: str, partitions: int = 1) -> list[list[Any]]:
    """Every record of the topic by partition, up to the ends it has now."""
    wanted = [Partition(topic, number) for number in range(partitions)]
    found: dict[Partition, list[Any]] = {partition: [] for partition in wanted}
    reader = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    with closing(reader):
        reader.assign(wanted)
        ends = reader.end_offsets(wanted)

        def at_end() -> bool:
            for partition, new in reader.poll(timeout_ms=100).items():
                found[partition].extend(new)
            return all(reader.position(partition) >= end for partition, end in ends.items())

        wait_until(at_end)
    return [found[partition] for partition in wanted]


def keys(records_of_partition: Sequence[Any]) -> list[bytes]:
    """The keys of records, in order."""
    return [record.key for record in records_of_partition]
