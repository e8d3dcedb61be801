"""A group reads on from its place; a place that the log no longer has is said, not mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from connectors.kafka.reading import extent, read_on

ZERO = TopicPartition("model", 0)


class Client:
    """A log from `begin` to 40, and a group that is at `place`, if it is anywhere."""

    def __init__(self, begin: int, place: int | None) -> None:
        self.begin = begin
        self.place = place

    def poll(self, timeout_ms: int) -> Mapping[Any, Any]:
        assert timeout_ms > 0
        self.position(ZERO, 0)
        return {}

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        assert timeout_ms >= 0
        if self.place is None:
            raise NoOffsetForPartitionError({partition})
        return self.place

    def seek_to_beginning(self, *_: TopicPartition) -> None:
        self.place = self.begin

    def beginning_offsets(self, _: object, timeout_ms: int) -> dict[TopicPartition, int]:
        assert timeout_ms > 0
        return {ZERO: self.begin}

    def end_offsets(self, _: object, timeout_ms: int) -> dict[TopicPartition, int]:
        assert timeout_ms > 0
        return {ZERO: 40}


@pytest.mark.parametrize("place", [20, 33, 40])
def test_a_place_in_the_log_is_where_reading_starts(place: int) -> None:
    """Its first record, one in the middle, its end."""
    assert ({ZERO: place}, {ZERO: 40}) == extent(Client(20, place), [ZERO], {})


def test_a_log_that_begins_later_than_the_group_is_a_gap() -> None:
    """Committed 5, begins at 20: said before anything behind the gap is handed on."""
    with pytest.raises(OffsetOutOfRangeError):
        extent(Client(20, 5), [ZERO], {})


def test_a_group_without_a_place_begins_at_the_first_record() -> None:
    """Whichever call finds it out."""
    client = Client(20, None)
    assert {} == read_on(client)
    assert 20 == client.place
    assert ({ZERO: 20}, {ZERO: 40}) == extent(Client(20, None), [ZERO], {})
