"""Noticing a client that reads nothing of a partition which has messages for us.

kafka-python has had such faults more than once, all of them silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.records import Partition


@dataclass(slots=True)
class StallWatch:
    """When each partition was last seen to move, or to have a reason not to."""

    after_seconds: float
    _seen: dict[Partition, tuple[int, float]] = field(default_factory=dict)

    def is_stalled(
        self, partition: Partition, position: int, *, should_move: bool, now: float
    ) -> bool:
        """Say whether a partition that should move has stood still for too long."""
        before, since = self._seen.get(partition, (position, now))
        if position != before or not should_move:
            since = now
        self._seen[partition] = (position, since)
        return now - since > self.after_seconds

    def forget(self, partition: Partition) -> None:
        """A partition is no longer ours."""
        self._seen.pop(partition, None)
