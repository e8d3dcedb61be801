"""The ports of a consumer group: messages come, offsets go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.records import DeadLetter, Message, Partition


@dataclass(frozen=True, slots=True)
class Assigned:
    """Partitions that are now ours: where reading starts and where their log ends right now.

    `topic_partitions` is how many the topic has, ours and others'; 0 when that is not known.
    """

    starts: Mapping[Partition, int]
    ends: Mapping[Partition, int]
    topic_partitions: int = 0


@dataclass(frozen=True, slots=True)
class Revoked:
    """Partitions that stop being ours.

    While `lost` is False their offsets may still be committed: answer with `Consumer.release`.
    """

    partitions: frozenset[Partition]
    lost: bool


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one partition, in offset order."""

    partition: Partition
    messages: Sequence[Message]


ConsumerEvent = Assigned | Revoked | Messages


@dataclass(frozen=True, slots=True)
class GroupLag:
    """What a group has before it, and the note that stands beside its first partition's offset.

    `rows` are the messages between committed offset and log end of every partition of the topic.
    """

    rows: Mapping[Partition, int]
    note: str = ""


class Consumer(Protocol):
    """A member of a sync's consumer group."""

    async def poll(self, timeout_seconds: float) -> Sequence[ConsumerEvent]:
        """Return what happened, in order; an empty list when nothing did in that time."""
        ...

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Read nothing of these partitions, and of these only, until told otherwise.

        Membership of the group is kept while everything is paused.
        """
        ...

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Return once the group holds the offsets; each is the *next* one to read."""
        ...

    def release(self, next_offsets: Mapping[Partition, int]) -> None:
        """Answer a Revoked event: commit these offsets and let the partitions go."""
        ...

    async def lag(self) -> GroupLag:
        """Return how far the group is behind, all members together."""
        ...

    def annotate(self, note: str) -> None:
        """Leave this note beside every offset of the topic's first partition that is committed."""
        ...

    async def close(self) -> None:
        """Leave the group."""
        ...


class DeadLetters(Protocol):
    """The dead-letter topic of a sync."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker holds every letter."""
        ...

    async def close(self) -> None: ...
