"""The newest records of a model's topic, read outside any consumer group: no offset moves."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.ports import LoggedRow, ModelLog
from connectors.records import Message, Partition
from worker.observe.progress import Progress
from worker.rules.epochs import Epochs

# Compaction leaves few records in many offsets: what was too little to find is read again, wider.
WIDENING = 8
# Fewer are read before a bar could be seen.
WORTH_SHOWING = 20_000


class Offsets(Protocol):
    """Where a topic begins and ends."""

    async def end_offsets(self, topic: str) -> Mapping[int, int]: ...
    async def offsets_at(self, topic: str, at_ms: int | None) -> Mapping[int, int]: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest version of each key, in the log's order.

    Records `superseded` are of a poller that had been replaced. `topic_records` is how many the
    whole topic has at most: what compaction took out is counted in it.
    """

    messages: Sequence[Message]
    superseded: int
    topic_records: int


class Newest:
    """Keeps the newest of the records it is shown, at most so many."""

    def __init__(self, topic: str, rows: int) -> None:
        self._topic = topic
        self._rows = rows
        self._epochs = Epochs()
        self._seen = 0
        self._kept: list[tuple[int, int, Message, bool]] = []

    @property
    def is_full(self) -> bool:
        """Whether as many records were found as were asked for."""
        return len(self._kept) >= self._rows

    def add(self, row: LoggedRow) -> None:
        """Take in a record; those of one partition have to come in the order of their offsets."""
        message = self._message(row)
        self._seen += 1
        one = (row.changed_at_ns, self._seen, message, self._epochs.superseded(message))
        if self.is_full:
            heapq.heappushpop(self._kept, one)
        else:
            heapq.heappush(self._kept, one)

    def sample(self, topic_records: int) -> Sample:
        """Return the newest version of each key among the records that were kept."""
        found: dict[bytes, tuple[int, Message]] = {}
        superseded = 0
        for changed_at_ns, _, message, behind in sorted(self._kept, key=lambda one: one[1]):
            before = found.get(message.key)
            if behind:
                superseded += 1
            elif before is None or _replaces(changed_at_ns, message, *before):
                found[message.key] = (changed_at_ns, message)
        messages = sorted((m for _, m in found.values()), key=lambda message: message.offset)
        return Sample(messages, superseded, topic_records)

    def _message(self, row: LoggedRow) -> Message:
        # The log's order is all that the offset is needed for.
        headers = [("changed_at", str(row.changed_at_ns).encode())]
        if row.epoch is not None:
            headers.append(("epoch", str(row.epoch).encode()))
        if row.row_hash is None:
            headers.append(("op", b"delete"))
        partition = Partition(self._topic, row.partition)
        return Message(partition, self._seen, row.key or b"", row.value, headers)


async def newest(
    log: ModelLog, offsets: Offsets, topic: str, rows: int, progress: Progress
) -> Sample:
    """Read the topic's newest records, about `rows` of them over all partitions.

    Raises what the connectors raise.
    """
    ends = await offsets.end_offsets(topic)
    begins = await offsets.offsets_at(topic, None)
    records = sum(max(0, end - begins.get(p, 0)) for p, end in ends.items())
    span = rows
    while True:
        start = {p: max(begins.get(p, 0), end - span) for p, end in ends.items()}
        found = await _read(log, topic, start, ends, Newest(topic, rows), progress)
        if found.is_full or all(start[p] <= begins.get(p, 0) for p in start):
            return found.sample(records)
        span *= WIDENING


async def _read(
    log: ModelLog,
    topic: str,
    start: Mapping[int, int],
    ends: Mapping[int, int],
    found: Newest,
    progress: Progress,
) -> Newest:
    total = sum(ends[p] - start[p] for p in start)
    if total == 0:
        return found
    async for rows, positions in log.read(topic, start):
        for row in rows:
            found.add(row)
        if total > WORTH_SHOWING:
            done = sum(positions[p] - start[p] for p in start)
            progress("reading the topic", min(done, total), total)
    return found


def _replaces(changed_at_ns: int, message: Message, before_ns: int, before: Message) -> bool:
    """Say whether a record takes the place of one of the same key that was read before it.

    In one partition the log's order is the truth; but a tombstone only clears away the delete
    record before it, which says who left. A row that moved leaves a tombstone of its own time in
    the partition where it stood.
    """
    if message.partition == before.partition:
        return message.value is not None or ("op", b"delete") not in before.headers
    newer = (changed_at_ns, message.value is not None)
    return newer >= (before_ns, before.value is not None)
