"""Writes changes to a model's topic: idempotent, acknowledged by all replicas, bounded in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer

from connectors.errors import ConfigurationError, RetryableError
from connectors.kafka.connection import (
    REQUEST_TIMEOUT_MS,
    KafkaConnection,
    OwnedClient,
    build,
)
from connectors.kafka.topics import MAX_DEAD_LETTER_BYTES
from connectors.records import Change

# kafka-python's send() never blocks on memory, so the bytes without an ack are bounded here.
MAX_UNACKED_BYTES = 32 * 1024 * 1024
ACK_DEADLINE_SECONDS = 60.0


def new_producer(connection: KafkaConnection) -> Any:
    """Return a kafka-python producer with the settings everything of ours is written with."""
    return build(
        KafkaProducer,
        **connection.options(),
        acks="all",
        enable_idempotence=True,
        linger_ms=20,
        batch_size=512 * 1024,
        compression_type="lz4",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        delivery_timeout_ms=int(ACK_DEADLINE_SECONDS * 1000),
        max_block_ms=REQUEST_TIMEOUT_MS,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )


def owned_producer(connection: KafkaConnection, name: str) -> OwnedClient:
    """Return a producer that is never used again after an unknown outcome."""
    return OwnedClient(connection, name, new_producer, lambda client: client.close(timeout=0))


class KafkaChangeProducer:
    """The Producer port on kafka-python."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._owned = owned_producer(connection, "producer")

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> dict[int, range]:
        """Return the offsets by partition once the broker holds every change.

        A partition in which somebody else wrote in between is left out.
        """
        return await self._owned.run(
            f"writing to {topic}", lambda client: _send(client, topic, changes, epoch)
        )

    async def close(self) -> None:
        """Close the client; everything sent has its ack already."""
        await self._owned.close()


def _send(client: Any, topic: str, changes: Sequence[Change], epoch: int) -> dict[int, range]:
    count = len(client.partitions_for(topic) or ())
    if not count:
        raise RetryableError(f"topic {topic} has no partitions yet", kind="kafka_unavailable")
    epoch_header = ("epoch", str(epoch).encode())
    unacked: deque[tuple[Any, int]] = deque()
    unacked_bytes = 0
    offsets: dict[int, range] = {}
    sent: dict[int, int] = {}
    for change in changes:
        number = change.partition_hash % count
        sent[number] = sent.get(number, 0) + 1
        future = client.send(
            topic,
            key=change.key,
            value=change.value,
            partition=number,
            headers=[
                ("row_hash", change.row_hash),
                ("op", change.op.encode()),
                ("changed_at", str(change.changed_at_ns).encode()),
                epoch_header,
            ],
        )
        size = len(change.key) + len(change.value or b"")
        unacked.append((future, size))
        unacked_bytes += size
        while unacked_bytes > MAX_UNACKED_BYTES:
            unacked_bytes -= _settle(unacked, offsets)
    while unacked:
        _settle(unacked, offsets)
    # Where somebody else wrote in between, the offsets are not ours alone.
    return {n: found for n, found in offsets.items() if len(found) == sent[n]}


def _settle(unacked: deque[tuple[Any, int]], offsets: dict[int, range]) -> int:
    future, size = unacked.popleft()
    metadata = future.get(timeout=ACK_DEADLINE_SECONDS)
    if metadata.offset < 0:
        raise ConfigurationError(
            "the broker acknowledges without an offset: acks=all is overridden somewhere",
            kind="kafka_acks",
        )
    seen = offsets.get(metadata.partition, range(metadata.offset, metadata.offset + 1))
    offsets[metadata.partition] = range(
        min(seen.start, metadata.offset), max(seen.stop, metadata.offset + 1)
    )
    return size
