"""The names and settings of our topics, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS

# More than Iterable takes in one call; a dead letter has some headers more than its row.
MAX_RECORD_BYTES = 4_000_000
MAX_DEAD_LETTER_BYTES = MAX_RECORD_BYTES + 10_000

# How long something is kept; -1 is for ever.
_AT_LEAST = ("retention.ms", "min.compaction.lag.ms", "delete.retention.ms")


@dataclass(frozen=True, slots=True)
class TopicNames:
    """What topics and groups are called; two installations on one cluster differ in the prefix."""

    prefix: str = "hightide"

    @property
    def ledger(self) -> str:
        return f"{self.prefix}.ledger"

    @property
    def schemas(self) -> str:
        return f"{self.prefix}.schemas"

    def model(self, model: str) -> str:
        """Return the topic that holds a model's newest rows."""
        return f"{self.prefix}.model.{model}"

    def dead_letters(self, sync: str) -> str:
        """Return the topic for the rows of a sync that can never be delivered."""
        return f"{self.prefix}.dead-letters.{sync}"

    def group(self, sync: str) -> str:
        """Return the consumer group of a sync: the same one for live traffic and replay."""
        return f"{self.prefix}.sync.{sync}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str]


def model_spec(name: str, partitions: int, *, snapshot: bool) -> Topic:
    """The topic is the table: every key's newest row stays for ever."""
    settings = {
        "cleanup.policy": "compact",
        # Kafka compacts closed segments only. By default they close after a week or a GB, and
        # a replay would send every version of a profile before its newest.
        "segment.ms": str(_HOUR_MS),
        "max.compaction.lag.ms": str(_HOUR_MS),
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "compression.type": "producer",
    }
    if snapshot:
        # A row that left is a delete record and a tombstone. Who it was stands in the first alone,
        # and compaction would leave only the second: a sync that was stopped for a week finds both.
        settings |= {
            "min.compaction.lag.ms": str(7 * _DAY_MS),
            "max.compaction.lag.ms": str(8 * _DAY_MS),
            "delete.retention.ms": str(7 * _DAY_MS),
        }
    return Topic(name, partitions, settings)


def ledger_spec(name: str) -> Topic:
    """Kept for 95 days: over two billing periods."""
    return Topic(name, 1, {"cleanup.policy": "delete", "retention.ms": str(95 * _DAY_MS)})


def schemas_spec(name: str) -> Topic:
    """One record per schema, for ever."""
    return Topic(name, 1, {"cleanup.policy": "compact"})


def dead_letter_spec(name: str, partitions: int) -> Topic:
    """Dead letters are kept for 30 days."""
    return Topic(
        name,
        partitions,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(30 * _DAY_MS),
            "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
        },
    )


def misfit(topic: Topic, partitions: int, settings: Mapping[str, str]) -> str | None:
    """Return what is wrong with a topic that exists, in words, or None.

    A ledger that forgets loses watermark and MQR, a model topic that deletes loses rows, one that
    is compacted too early loses who it was that left, and the log's order means nothing over two
    partitions.
    """
    policy, wanted = settings.get("cleanup.policy", ""), topic.settings["cleanup.policy"]
    if policy != wanted:
        return f"{topic.name} has cleanup.policy={policy}, it must be {wanted}"
    if topic.partitions == 1 and partitions != 1:
        return f"{topic.name} has {partitions} partitions, it must have one"
    for name in _AT_LEAST:
        kept, needed = int(settings.get(name, "-1")), topic.settings.get(name)
        if needed is not None and 0 <= kept < int(needed):
            return f"{topic.name} has {name}={kept}, it needs {needed} at least"
    return None
