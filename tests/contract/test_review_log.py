"""LogReader on a client that does not read on: it gives up, and not too early."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from connectors.errors import RetryableError
from connectors.kafka.log import LogReader
from tests.closing import closed_after
from tests.kafka_records import connect


class Client:
    """A consumer of one partition that ends at 100; each poll moves as far as `steps` says.

    A step is (records, offsets passed): compaction passes offsets without a record.
    """

    def __init__(self, steps: Sequence[tuple[int, int]]) -> None:
        self.steps = list(steps)
        self.at = 0
        self.polls = 0

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0}

    def end_offsets(self, partitions: Sequence[Any], **_: object) -> dict[Any, int]:
        return dict.fromkeys(partitions, 100)

    def assign(self, _: object) -> None:
        return

    def seek(self, _: object, offset: int) -> None:
        self.at = offset

    def position(self, _: object, **__: object) -> int:
        return self.at

    def poll(self, **_: object) -> Mapping[object, Sequence[object]]:
        self.polls += 1
        records, passed = self.steps.pop(0) if self.steps else (0, 0)
        self.at += passed
        return {"p": [object()] * records} if records else {}

    def close(self, **_: object) -> None:
        return


@pytest.fixture
async def client() -> Client:
    return Client([])


@pytest.fixture
async def reader(client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LogReader]:
    monkeypatch.setattr("connectors.kafka.log._new_consumer", lambda _: client)
    monkeypatch.setattr("connectors.kafka.log.MAX_IDLE_POLLS", 5)
    async with closed_after(LogReader(connect("nowhere:1"), "test")) as made:
        yield made


async def read(reader: LogReader) -> int:
    """Read to the end; return how many records there were."""
    return sum([len(records) async for records, _ in reader.records("people", {})])


async def test_a_client_that_stays_empty_before_the_end_is_given_up(
    client: Client, reader: LogReader
) -> None:
    """After ten records nothing more comes: an error in bounded time, never an end."""
    client.steps = [(10, 10)]
    with pytest.raises(RetryableError, match="people can't be read to its end") as raised:
        await read(reader)

    assert "log_stalled" == raised.value.kind
    assert 1 + 6 == client.polls


async def test_polls_without_records_between_others_are_no_reason(
    client: Client, reader: LogReader
) -> None:
    """Five empty ones, again and again: each record begins the patience anew."""
    client.steps = [*[(0, 0)] * 5, (50, 50), *[(0, 0)] * 5, (50, 50)]

    assert 100 == await read(reader)


async def test_a_stretch_that_was_compacted_away_is_no_reason(
    client: Client, reader: LogReader
) -> None:
    """Twenty polls give no record, but each passes some offsets: it does read on."""
    client.steps = [*[(0, 4)] * 20, (20, 20)]

    assert 20 == await read(reader)
