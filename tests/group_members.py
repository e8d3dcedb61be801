"""Members of a consumer group for tests, and waiting for what they are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from connectors.kafka.consumer import GroupPolicy, KafkaGroupConsumer
from connectors.ports import Assigned, ConsumerEvent, Messages, Revoked
from connectors.records import Partition
from tests.kafka_records import connect

Events = list[ConsumerEvent]


class Members:
    """Makes members of one group; `kind` is the broker's, since the stand-in knows only `range`."""

    def __init__(self, bootstrap: str, kind: str, prefix: str) -> None:
        self.topic = f"{prefix}model"
        self.group = f"{prefix}group"
        self._bootstrap = bootstrap
        self._cooperative = kind != "embedded"
        self._joined: list[KafkaGroupConsumer] = []

    def join(self, *, bootstrap: str | None = None, **options: Any) -> KafkaGroupConsumer:
        """A new member; a policy's fields by name, everything else is kafka-python's."""
        fields = GroupPolicy.__slots__
        policy = {name: options.pop(name) for name in list(options) if name in fields}
        defaults: dict[str, Any] = {"session_timeout_ms": 6_000, "release_seconds": 3.0}
        wanted = GroupPolicy(self.group, self.topic, (self._assignor(),), **{**defaults, **policy})
        member = KafkaGroupConsumer(connect(bootstrap or self._bootstrap, **options), wanted)
        self._joined.append(member)
        return member

    async def close(self) -> None:
        """Close every member that was made."""
        for member in self._joined:
            await member.close()

    def partitions(self, count: int) -> list[Partition]:
        return [Partition(self.topic, number) for number in range(count)]

    def _assignor(self) -> Any:
        return CooperativeStickyAssignor() if self._cooperative else RangePartitionAssignor


async def events_until(
    member: KafkaGroupConsumer, enough: Callable[[Events], bool], seconds: float = 20.0
) -> Events:
    """Every event up to the one with which it is enough; fail the test if that does not come."""
    found: Events = []
    end = time.monotonic() + seconds
    while not enough(found):
        assert time.monotonic() < end, f"not within {seconds} s: {found}"
        found += await member.poll(0.2)
    return found


def assigned(events: Sequence[ConsumerEvent]) -> list[Assigned]:
    return [event for event in events if isinstance(event, Assigned)]


def revoked(events: Sequence[ConsumerEvent]) -> list[Revoked]:
    return [event for event in events if isinstance(event, Revoked)]


def offsets(events: Sequence[ConsumerEvent]) -> dict[Partition, list[int]]:
    """The offsets of the messages, by partition, in the order in which they came."""
    found: dict[Partition, list[int]] = {}
    for event in events:
        if isinstance(event, Messages):
            found.setdefault(event.partition, []).extend(m.offset for m in event.messages)
    return found


def messages(count: int) -> Callable[[Events], bool]:
    """Enough once that many messages came."""
    return lambda events: sum(map(len, offsets(events).values())) >= count
