"""What a replaced poller wrote behind its successor's rows is told from everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Message, Partition
from worker.rules.epochs import Epochs

P0, P1 = Partition("t", 0), Partition("t", 1)


def message(epoch: str | None, partition: Partition = P0) -> Message:
    headers = [("op", b"upsert")] + ([] if epoch is None else [("epoch", epoch.encode())])
    return Message(partition, 0, b"k", b"v", headers)


def judged(*epochs: str | None) -> list[bool]:
    seen = Epochs()
    return [seen.superseded(message(epoch)) for epoch in epochs]


def test_a_lower_epoch_behind_a_higher_one_is_superseded() -> None:
    """Also when several pollers followed one another, and as often as it comes."""
    assert [False, False, True, False, True, True] == judged("3", "4", "3", "4", "3", "2")


@pytest.mark.parametrize("foreign", [None, "", "x", "-1"])
def test_a_message_without_an_epoch_is_left_to_the_others(foreign: str | None) -> None:
    """Somebody else wrote it: it is judged by what it holds, and changes nothing here."""
    assert [False, False, True, False] == judged("4", foreign, "3", foreign)


def test_partitions_know_nothing_of_each_other() -> None:
    """A successor may not have written into each of them yet."""
    seen = Epochs()
    assert not seen.superseded(message("4", P0))

    assert not seen.superseded(message("3", P1))
    assert seen.superseded(message("3", P0))


def test_a_partition_that_is_read_from_an_earlier_offset_begins_anew() -> None:
    """A replay of epochs 3 and 4 delivers both, though 4 was seen before."""
    seen = Epochs()
    assert [False, False] == [seen.superseded(message(e, p)) for e, p in (("4", P0), ("4", P1))]
    seen.begin(P0)

    assert [False, True] == [seen.superseded(message("3", p)) for p in (P0, P1)]


@given(st.lists(st.integers(1, 6)))
def test_what_is_left_never_falls(epochs: list[int]) -> None:
    """And the highest is never left out."""
    found = judged(*map(str, epochs))
    kept = [e for e, behind in zip(epochs, found, strict=True) if not behind]

    assert sorted(kept) == kept
    assert [e for e in epochs if e == max(epochs)] == [e for e in kept if e == max(epochs)]
