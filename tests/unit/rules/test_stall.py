"""A partition that should move and does not is noticed in time, and no other one is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Partition
from worker.rules.stall import StallWatch

P0, P1 = Partition("t", 0), Partition("t", 1)


def look(watch: StallWatch, now: float, position: int = 5, *, should_move: bool = True) -> bool:
    return watch.is_stalled(P0, position, should_move=should_move, now=now)


def test_standing_still_for_longer_than_permitted_is_a_stall() -> None:
    """At 60 seconds it is not one yet; after them it is, and it stays one."""
    watch = StallWatch(60.0)

    assert [False, False, False, True, True] == [look(watch, n) for n in (0, 30, 60, 61, 90)]


@pytest.mark.parametrize(("position", "should_move"), [(6, True), (5, False), (4, True)])
def test_moving_or_having_no_reason_to_starts_anew(*, position: int, should_move: bool) -> None:
    """One record read, a moment with nothing to read, a new start: 60 seconds from there."""
    watch = StallWatch(60.0)
    assert not look(watch, 0)
    assert not look(watch, 59, position, should_move=should_move)

    assert [False, True] == [look(watch, n, position) for n in (119, 120)]


def test_the_first_look_begins_the_wait() -> None:
    """However late it comes."""
    assert not look(StallWatch(60.0), 1_000_000)


def test_partitions_stall_by_themselves() -> None:
    """One that moves does not hide one that does not."""
    watch = StallWatch(60.0)
    seen: list[tuple[bool, bool]] = []
    for now in (0, 50, 100):
        moving = watch.is_stalled(P1, now, should_move=True, now=now)
        seen.append((look(watch, now), moving))

    assert [(False, False), (False, False), (True, False)] == seen


def test_a_partition_that_comes_back_begins_anew() -> None:
    """Gone and assigned again: what was seen of it before does not count."""
    watch = StallWatch(60.0)
    look(watch, 0)
    watch.forget(P0)
    watch.forget(P1)

    assert [False, True] == [look(watch, now) for now in (100, 161)]


looks = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.booleans()), max_size=30)


@given(looks)
def test_a_stall_is_an_unbroken_wait(drawn: list[tuple[int, int, bool]]) -> None:
    """It is said exactly when all looks of more than 60 seconds saw one position, meant to move."""
    watch, now, since = StallWatch(60.0), 0, 0
    before: int | None = None
    for passed, position, should_move in drawn:
        now += passed
        if before is None or position != before or not should_move:
            since = now
        before = position

        assert (now - since > 60) == look(watch, now, position, should_move=should_move)
