"""Writes changes to a model's topic: idempotent, acknowledged by all replicas, bounded in bytes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from connectors.errors import ConfigurationError, RetryableError, TooLargeError
from connectors.kafka.connection import (
    REQUEST_TIMEOUT_MS,
    KafkaConnection,
    OwnedClient,
    build,
)
from connectors.kafka.topics import MAX_DEAD_LETTER_BYTES
from connectors.ports import Sent
from connectors.records import Change

# kafka-python's send() never blocks on memory, so the bytes without an ack are bounded here.
MAX_UNACKED_BYTES = 32 * 1024 * 1024
ACK_DEADLINE_SECONDS = 60.0
# Of one chunk: should more be too large, then the topic is set wrong, and the rows are not.
MAX_TOO_LARGE_SHARE = 0.1
MAX_TOO_LARGE_ANYWAY = 10


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

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        """Return where changes went once the broker holds them or has refused one as too large.

        Their order in the topic is the order given; beside those that are too large some may be
        there twice, since everything else goes again from the first on. Raises ConfigurationError
        when so many are too large that the topic must be set wrong.
        """
        too_large: set[int] = set()
        sent: Sent | None = None
        while sent is None:
            places = [i for i in range(len(changes)) if i not in too_large]
            try:
                sent = await self._send(topic, [changes[i] for i in places], epoch)
            except _RefusedRecordsError as refused:
                suspects = [places[i] for i in refused.indexes]
                too_large |= await self._refused_alone(topic, changes, suspects, epoch)
                _refuse_too_many(topic, len(too_large), len(changes))
        if not too_large:
            return sent
        count = await self._owned.run(
            f"looking up {topic}", lambda client: _partition_count(client, topic)
        )
        partitions = [change.partition_hash % count for change in changes]
        return Sent(partitions, sent.offsets, frozenset(too_large))

    async def _refused_alone(
        self, topic: str, changes: Sequence[Change], suspects: Sequence[int], epoch: int
    ) -> set[int]:
        """Return suspects that the broker refuses also alone: one at least, most often all.

        Whatever was to follow a record that is too large failed with it, thousands perhaps: the
        largest are tried first, and once one of them is taken the others are believed.
        """
        found: set[int] = set()
        for i in sorted(suspects, key=lambda i: _size(changes[i]), reverse=True):
            try:
                await self._send(topic, [changes[i]], epoch)
            except _RefusedRecordsError:
                found.add(i)
                _refuse_too_many(topic, len(found), len(changes))
            else:
                if found:
                    return found
        if not found:
            raise RetryableError(
                f"Kafka took each record for {topic} alone, and refused them together",
                kind="kafka_unavailable",
            )
        return found

    async def _send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        return await self._owned.run(
            f"writing to {topic}", lambda client: _send(client, topic, changes, epoch)
        )

    async def close(self) -> None:
        """Close the client; everything sent has its ack already."""
        await self._owned.close()


class _RefusedRecordsError(TooLargeError):
    """The broker takes no batch that holds these records; `indexes` point into what was sent."""

    def __init__(self, indexes: frozenset[int]) -> None:
        super().__init__("records are larger than the broker takes")
        self.indexes = indexes


def _partition_count(client: Any, topic: str) -> int:
    count = len(client.partitions_for(topic) or ())
    if not count:
        raise RetryableError(f"topic {topic} has no partitions yet", kind="kafka_unavailable")
    return count


def _send(client: Any, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
    count = _partition_count(client, topic)
    flight = _Flight()
    epoch_header = ("epoch", str(epoch).encode())
    partitions = [change.partition_hash % count for change in changes]
    for i, (change, number) in enumerate(zip(changes, partitions, strict=True)):
        headers = [
            ("row_hash", change.row_hash),
            ("op", change.op.encode()),
            ("changed_at", str(change.changed_at_ns).encode()),
            epoch_header,
        ]
        try:
            future = client.send(
                topic, key=change.key, value=change.value, partition=number, headers=headers
            )
        except MessageSizeTooLargeError:
            flight.refused.add(i)
            continue
        flight.add(i, future, _size(change))
    offsets = flight.land()
    counts = Counter(partitions)
    # Where somebody else wrote in between, the offsets are not ours alone.
    return Sent(partitions, {n: found for n, found in offsets.items() if len(found) == counts[n]})


def _refuse_too_many(topic: str, too_large: int, changes: int) -> None:
    if too_large > max(MAX_TOO_LARGE_ANYWAY, int(changes * MAX_TOO_LARGE_SHARE)):
        raise ConfigurationError(
            f"more than {MAX_TOO_LARGE_SHARE:.0%} of the newest rows are larger than {topic} "
            "takes: raise its max.message.bytes, or leave columns out of the model's SQL",
            kind="topic_settings",
        )


def _size(change: Change) -> int:
    return len(change.key) + len(change.value or b"")


class _Flight:
    """Records without an ack, bounded in bytes: send() itself never waits for memory."""

    def __init__(self) -> None:
        self._unacked: deque[tuple[int, Any, int]] = deque()
        self._bytes = 0
        self._offsets: dict[int, range] = {}
        self.refused: set[int] = set()

    def add(self, index: int, future: Any, size: int) -> None:
        """Take a record in; wait for the oldest acks while there is too much."""
        self._unacked.append((index, future, size))
        self._bytes += size
        while self._bytes > MAX_UNACKED_BYTES:
            self._settle()

    def land(self) -> dict[int, range]:
        """Wait for every ack; return the offsets by partition."""
        while self._unacked:
            self._settle()
        if self.refused:
            raise _RefusedRecordsError(frozenset(self.refused))
        return self._offsets

    def _settle(self) -> None:
        index, future, size = self._unacked.popleft()
        self._bytes -= size
        try:
            metadata = future.get(timeout=ACK_DEADLINE_SECONDS)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            self.refused.add(index)
            return
        except KafkaError:
            if self.refused:  # what followed a refused batch fails with it
                return
            raise
        if metadata.offset < 0:
            raise ConfigurationError(
                "the broker acknowledges without an offset: acks=all is overridden somewhere",
                kind="kafka_acks",
            )
        seen = self._offsets.get(metadata.partition, range(metadata.offset, metadata.offset + 1))
        self._offsets[metadata.partition] = range(
            min(seen.start, metadata.offset), max(seen.stop, metadata.offset + 1)
        )
