"""How far a whole group is behind, whoever owns the partitions: every member may ask."""

from __future__ import annotations

from typing import Any

from kafka import TopicPartition

from connectors.kafka.connection import REQUEST_TIMEOUT_MS
from connectors.kafka.messages import partition_of
from connectors.ports import GroupLag


def group_lag(consumer: Any, topic: str) -> GroupLag:
    """Return the lag of every partition of a topic for a consumer's group.

    Where nothing is committed yet the whole log lies before the group.
    """
    partitions = [
        TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    if not partitions:
        return GroupLag({})
    # One question for all; the public `committed` asks for one partition at a time.
    committed = consumer._coordinator.fetch_committed_offsets(  # noqa: SLF001
        partitions, timeout_ms=REQUEST_TIMEOUT_MS
    )
    ends = consumer.end_offsets(partitions, timeout_ms=REQUEST_TIMEOUT_MS)
    # A group that never came to a partition has the whole of its log before it, which seldom
    # begins at 0: the start counts, not 0.
    new = [p for p in partitions if p not in committed]
    starts = consumer.beginning_offsets(new, timeout_ms=REQUEST_TIMEOUT_MS) if new else {}
    rows = {
        partition_of(p): end - (committed[p].offset if p in committed else starts.get(p, end))
        for p, end in ends.items()
    }
    first = committed.get(partitions[0])
    return GroupLag(rows, first.metadata if first is not None else "")
