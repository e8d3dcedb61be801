"""What Kafka holds of a row: a change before it is published, a message once it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Operation = Literal["upsert", "delete"]


class Change(NamedTuple):
    """One row version, ready to publish: everything Kafka will hold of it.

    A tuple, as one is made for each row: a frozen dataclass takes four times as long.
    """

    key: bytes
    value: bytes | None
    partition_hash: int
    row_hash: bytes
    changed_at_ns: int
    op: Operation = "upsert"


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    number: int


class Message(NamedTuple):
    """One record as the consumer got it. `offset` is its own, the next to read is one more.

    A tuple, as one is made for each row.
    """

    partition: Partition
    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp_ms: int = 0
