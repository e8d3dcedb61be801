"""The committable offset is the end of the acked prefix, whatever order acks come in."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from worker.rules.offsets import OffsetTracker

offset_lists = st.lists(st.integers(0, 200), unique=True, max_size=40).map(sorted)


def test_the_prefix_alone_may_be_committed() -> None:
    """5, 6 and 9 of 5, 6, 7, 9 are acked: up to 7, and with 7 up to 10."""
    tracker = OffsetTracker(5)
    tracker.consumed([5, 6, 7, 9])
    seen = []
    for offset in (9, 6, 5, 7):
        tracker.ack(offset)
        seen.append(tracker.committable)

    assert [5, 5, 7, 10] == seen


def test_an_offset_is_the_next_one_to_read() -> None:
    """Before anything was consumed, and after all of it was."""
    tracker = OffsetTracker(42)
    assert (42, 42) == (tracker.committable, tracker.position)
    tracker.consumed([42, 50])
    assert (42, 51) == (tracker.committable, tracker.position)


@given(offset_lists, st.data())
def test_commit_never_passes_an_open_offset(offsets: list[int], data: st.DataObject) -> None:
    """For any acks in any order, with gaps: all below is acked, the first open one is not."""
    tracker = OffsetTracker(0)
    tracker.consumed(offsets)
    still_open = list(offsets)
    for offset in data.draw(st.permutations(offsets)):
        tracker.ack(offset)
        still_open.remove(offset)
        assert all(tracker.committable <= one for one in still_open)
        expected = still_open[0] if still_open else offsets[-1] + 1
        assert tracker.committable <= expected
        assert [o for o in offsets if o < expected] == [
            o for o in offsets if o < tracker.committable
        ]
        assert len(still_open) == tracker.in_flight

    assert (offsets[-1] + 1 if offsets else 0) == tracker.committable


@given(st.lists(st.integers(1, 5), max_size=12), st.randoms(use_true_random=False))
def test_acks_between_arrivals_change_nothing(sizes: list[int], dice: random.Random) -> None:
    """Messages that arrive while others are acked: the commit only grows and ends at the end."""
    tracker = OffsetTracker(0)
    unacked: list[int] = []
    before = 0
    for size in sizes:
        arrived = range(tracker.position, tracker.position + size)
        tracker.consumed(arrived)
        unacked += arrived
        dice.shuffle(unacked)
        for offset in unacked[::2]:
            tracker.ack(offset)
            assert tracker.committable >= before
            before = tracker.committable
        unacked = unacked[1::2]
    for offset in unacked:
        tracker.ack(offset)

    assert (tracker.position, 0) == (tracker.committable, tracker.in_flight)
