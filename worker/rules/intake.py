"""What may be taken in of a partition: no more in flight than its next owner reads before sending.

taken in, no offset saved       ≤ the window
surplus                         arrived beyond it; waits until offsets are saved
hold                            just assigned: nothing is sent before the window is read again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.records import Message, Partition
from worker.rules.offsets import OffsetTracker


@dataclass(frozen=True, slots=True)
class InFlightPolicy:
    """How many rows may be in flight.

    One partition alone keeps the rate at half a second's latency: 4,500 rows a second in calls,
    as many on their way in and out. `slack_rows` may be taken in beyond `rows_per_partition`
    before the pause takes hold: an event of 500 messages. Their sum bounds what a crash makes us
    read again of a partition. `rows` bounds all partitions of a process together: memory.
    """

    rows_per_partition: int = 6_000
    slack_rows: int = 500
    rows: int = 10_000

    @property
    def window(self) -> int:
        """Return how many rows of a partition may be in flight at most."""
        return self.rows_per_partition + self.slack_rows


@dataclass(slots=True)
class Hold:
    """Until when a partition's rows are kept back: an offset, or a number of rows."""

    until_offset: int
    rows_left: int


@dataclass(slots=True)
class Intake:
    """A partition of ours, from its assignment to its revocation."""

    tracker: OffsetTracker
    window: int
    hold: Hold | None
    committed: int = -1
    surplus: list[Message] = field(default_factory=list)

    @classmethod
    def starting(cls, start: int, end: int, window: int) -> Intake:
        """Return the intake of a partition that is read from `start` and ends at `end` now."""
        return cls(OffsetTracker(start), window, Hold(end, window) if start < end else None)

    def take(self, messages: Sequence[Message]) -> list[Message]:
        """Return what may be taken in now, older surplus first; the rest is surplus."""
        waiting = [*self.surplus, *messages]
        room = max(0, self.window - self.tracker.unsaved)
        taken, self.surplus = waiting[:room], waiting[room:]
        self.tracker.consumed(message.offset for message in taken)
        if self.hold is not None:
            self.hold.rows_left -= len(taken)
        return taken

    def wait(self, messages: Sequence[Message]) -> None:
        """Keep messages until there is room for them."""
        self.surplus.extend(messages)

    def ends_hold(self) -> bool:
        """Say, once, that all that may have been in flight before is read again."""
        hold = self.hold
        if hold is None or (hold.rows_left > 0 and self.tracker.position < hold.until_offset):
            return False
        self.hold = None
        return True

    def is_full(self, rows: int) -> bool:
        """Say whether nothing more should be read."""
        if self.surplus:
            return True
        # A held partition must be read on to the end of its window, or it would wait for ever.
        return self.hold is None and self.tracker.unsaved >= rows

    @property
    def grown(self) -> int | None:
        """The offset that may be committed, when it is not committed yet."""
        offset = self.tracker.committable
        return offset if offset > self.committed else None

    def saved(self, offset: int) -> None:
        """Note that the group holds this offset."""
        self.committed = offset
        self.tracker.saved(offset)


def full_partitions(owned: Mapping[Partition, Intake], policy: InFlightPolicy) -> set[Partition]:
    """Return the partitions of which nothing more should be read now."""
    if sum(intake.tracker.unsaved for intake in owned.values()) < policy.rows:
        return {p for p, intake in owned.items() if intake.is_full(policy.rows_per_partition)}
    if any(i.tracker.unsaved for i in owned.values() if i.hold is None):
        return set(owned)
    # All that was read is held: one of them is read on, or nothing would ever be released.
    held = sorted(p for p, i in owned.items() if i.hold and not i.surplus)
    return set(owned) - set(held[:1])


def grown(owned: Mapping[Partition, Intake]) -> dict[Partition, int]:
    """Return what may be committed and is not yet."""
    found = {p: intake.grown for p, intake in owned.items()}
    return {p: offset for p, offset in found.items() if offset is not None}


def of_first(owned: Mapping[Partition, Intake]) -> dict[Partition, int]:
    """Return what may be committed of the topic's first partition, moved or not."""
    return {p: i.tracker.committable for p, i in owned.items() if p.number == 0}
