"""The newest records are found at the end of each partition, however much compaction took out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from connectors.ports import LoggedRow
from worker.observe.progress import no_progress
from worker.operate.plan.sample import Sample, newest

PAGE = 3


class Topic:
    """The ModelLog port and a topic's offsets, over the records of two partitions."""

    def __init__(self, *partitions: Mapping[int, LoggedRow], begins: int = 0) -> None:
        self._partitions = dict(enumerate(partitions))
        self._begins = begins
        self.read_from: list[Mapping[int, int]] = []

    async def end_offsets(self, topic: str) -> dict[int, int]:
        assert "t" == topic
        return {n: max(rows, default=self._begins - 1) + 1 for n, rows in self._partitions.items()}

    async def offsets_at(self, topic: str, at_ms: int | None) -> dict[int, int]:
        assert ("t", None) == (topic, at_ms)
        return dict.fromkeys(self._partitions, self._begins)

    async def read(
        self, topic: str, start: Mapping[int, int]
    ) -> AsyncIterator[tuple[Sequence[LoggedRow], Mapping[int, int]]]:
        self.read_from.append(start)
        places = dict(start)
        for number, rows in self._partitions.items():
            there = [(at, row) for at, row in rows.items() if at >= start[number]]
            for first in range(0, len(there), PAGE):
                page = there[first : first + PAGE]
                places[number] = page[-1][0] + 1
                yield [row for _, row in page], dict(places)
        assert topic

    async def close(self) -> None:
        return


def rows(partition: int, offsets: Sequence[int]) -> dict[int, LoggedRow]:
    return {
        at: LoggedRow(f"{partition}-{at}".encode(), partition, 1, at, b"h", b"v") for at in offsets
    }


async def read(topic: Topic, limit: int) -> Sample:
    return await newest(topic, topic, "t", limit, no_progress)


async def test_only_the_end_of_each_partition_is_read() -> None:
    """Of a large topic no more than was asked for, from each."""
    topic = Topic(rows(0, range(1_000)), rows(1, range(500)))
    found = await read(topic, 10)

    assert [{0: 990, 1: 490}] == topic.read_from
    assert [b"0-%d" % at for at in range(990, 1_000)] == [m.key for m in found.messages]
    assert 1_500 == found.topic_records


async def test_holes_of_compaction_are_read_past() -> None:
    """Few records in many offsets: it is read again from further back, until there are enough."""
    topic = Topic(rows(0, range(0, 1_000, 100)), rows(1, ()), begins=0)
    found = await read(topic, 4)

    assert [b"0-600", b"0-700", b"0-800", b"0-900"] == [m.key for m in found.messages]
    assert len(topic.read_from) > 1


async def test_a_topic_that_has_less_is_read_whole() -> None:
    """From where it begins, which deletion by time may have moved."""
    topic = Topic(rows(0, range(40, 45)), rows(1, [41]), begins=40)
    found = await read(topic, 100)

    assert 6 == len(found.messages)
    assert [{0: 40, 1: 40}] == topic.read_from
    assert 7 == found.topic_records


@pytest.mark.parametrize("begins", [0, 7])
async def test_an_empty_topic_has_no_rows(begins: int) -> None:
    """It is not waited for either."""
    topic = Topic({}, {}, begins=begins)

    assert Sample([], 0, 0) == await read(topic, 5)
    assert [] == topic.read_from
