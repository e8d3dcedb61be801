"""The names and settings of our topics, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEDGER = "hightide.ledger"
SCHEMAS = "hightide.schemas"

_DAY_MS = 24 * 3600 * 1000


def model_topic(model: str) -> str:
    """Return the topic that holds a model's newest rows."""
    return f"hightide.model.{model}"


def dead_letter_topic(sync: str) -> str:
    """Return the topic for the rows of a sync that can never be delivered."""
    return f"hightide.dead-letters.{sync}"


def group_of(sync: str) -> str:
    """Return the consumer group of a sync: the same one for live traffic and replay."""
    return f"hightide.sync.{sync}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str]


def model_spec(model: str, partitions: int) -> Topic:
    """The topic is the table: every key's newest row stays for ever."""
    return Topic(
        model_topic(model),
        partitions,
        {"cleanup.policy": "compact", "min.compaction.lag.ms": "0", "compression.type": "producer"},
    )


def ledger_spec() -> Topic:
    """Kept for 95 days: over two billing periods."""
    return Topic(LEDGER, 1, {"cleanup.policy": "delete", "retention.ms": str(95 * _DAY_MS)})


def schemas_spec() -> Topic:
    """One record per schema, for ever."""
    return Topic(SCHEMAS, 1, {"cleanup.policy": "compact"})


def dead_letter_spec(sync: str, partitions: int) -> Topic:
    """Dead letters are kept for 30 days."""
    return Topic(
        dead_letter_topic(sync),
        partitions,
        {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS)},
    )
