"""Reads topics from given offsets to their end, outside any consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import UnknownTopicOrPartitionError

from connectors.errors import RetryableError
from connectors.kafka.connection import (
    REQUEST_TIMEOUT_MS,
    KafkaConnection,
    OwnedClient,
    build,
)
from connectors.ports import LoggedRow

POLL_MS = 500
MAX_RECORDS = 5_000
# A poll may come back without having moved now and then, but not for 15 seconds.
MAX_IDLE_POLLS = REQUEST_TIMEOUT_MS // POLL_MS


class LogReader:
    """One consumer without a group."""

    def __init__(self, connection: KafkaConnection, name: str) -> None:
        self._lock = asyncio.Lock()
        self._owned = OwnedClient(
            connection,
            name,
            _new_consumer,
            lambda client: client.close(autocommit=False, timeout_ms=1_000),
        )

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset after the last record of each partition of an existing topic."""
        return await self._owned.run(f"looking up the end of {topic}", lambda c: _ends(c, topic))

    async def offsets_at(self, topic: str, at_ms: int | None) -> dict[int, int]:
        """Return the first offset at or after a time in each partition; None: the earliest."""
        return await self._owned.run(
            f"looking up offsets of {topic}", lambda c: _offsets_at(c, topic, at_ms)
        )

    async def records(
        self, topic: str, start: Mapping[int, int]
    ) -> AsyncIterator[tuple[Sequence[Any], dict[int, int]]]:
        """Yield raw records with the positions after them, up to the end as it is now."""
        doing = f"reading {topic}"
        async with self._lock:  # one consumer has one place in one topic at a time
            ends = await self._owned.run(doing, lambda c: _seek(c, topic, start))
            idle, before = 0, dict(start)
            while True:
                records, positions = await self._owned.run(doing, lambda c: _poll(c, topic, ends))
                yield records, positions
                # Compaction leaves stretches without a record: passing them is reading on.
                idle = 0 if records or positions != before else idle + 1
                before = positions
                if idle > MAX_IDLE_POLLS:
                    raise RetryableError(f"{topic} can't be read to its end", kind="log_stalled")
                if all(positions[p] >= end for p, end in ends.items()):
                    return

    async def close(self) -> None:
        """Close the client."""
        await self._owned.close()


def _new_consumer(connection: KafkaConnection) -> Any:
    return build(
        KafkaConsumer,
        **connection.options(),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_poll_records=MAX_RECORDS,
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )


def _ends(client: Any, topic: str) -> dict[int, int]:
    numbers = client.partitions_for_topic(topic)
    if not numbers:
        raise UnknownTopicOrPartitionError
    partitions = [TopicPartition(topic, n) for n in numbers]
    found = client.end_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS)
    return {p.partition: offset for p, offset in found.items()}


def _offsets_at(client: Any, topic: str, at_ms: int | None) -> dict[int, int]:
    ends = _ends(client, topic)
    partitions = [TopicPartition(topic, n) for n in ends]
    if at_ms is None:
        found = client.beginning_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS)
        return {p.partition: offset for p, offset in found.items()}
    times = client.offsets_for_times(
        dict.fromkeys(partitions, at_ms), timeout_ms=REQUEST_TIMEOUT_MS
    )
    return {p.partition: f.offset if f else ends[p.partition] for p, f in times.items()}


def _seek(client: Any, topic: str, start: Mapping[int, int]) -> dict[int, int]:
    ends = _ends(client, topic)
    client.assign([TopicPartition(topic, n) for n in ends])
    for number in ends:
        client.seek(TopicPartition(topic, number), start.get(number, 0))
    return ends


def _poll(client: Any, topic: str, ends: Mapping[int, int]) -> tuple[list[Any], dict[int, int]]:
    positions = _positions(client, topic, ends)
    if all(positions[n] >= end for n, end in ends.items()):
        return [], positions
    found = client.poll(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
    records = [record for records in found.values() for record in records]
    return records, _positions(client, topic, ends)


def _positions(client: Any, topic: str, ends: Mapping[int, int]) -> dict[int, int]:
    return {
        n: client.position(TopicPartition(topic, n), timeout_ms=REQUEST_TIMEOUT_MS) for n in ends
    }


class KafkaModelLog:
    """The ModelLog port: what a model's topic says of its keys."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._reader = LogReader(connection, "hightide-model-log")

    async def end_offsets(self, topic: str) -> dict[int, int]:
        return await self._reader.end_offsets(topic)

    async def read(
        self, topic: str, start: Mapping[int, int]
    ) -> AsyncIterator[tuple[Sequence[LoggedRow], Mapping[int, int]]]:
        async for records, positions in self._reader.records(topic, start):
            yield [_logged(record) for record in records], positions

    async def close(self) -> None:
        await self._reader.close()


def _logged(record: Any) -> LoggedRow:
    headers = dict(record.headers)
    gone = record.value is None or headers.get("op") == b"delete"
    return LoggedRow(
        record.key,
        record.partition,
        _number(headers.get("epoch")),
        _number(headers.get("changed_at")) or 0,
        None if gone else headers.get("row_hash", b""),
        record.value,
    )


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() else None
