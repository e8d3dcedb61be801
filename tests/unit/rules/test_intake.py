"""No more is in flight than the next owner reads again, and none of it is held for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Message, Partition
from worker.rules.intake import InFlightPolicy, Intake, full_partitions

POLICY = InFlightPolicy(rows_per_partition=6, slack_rows=2, rows=12)


def messages(first: int, count: int, partition: int = 0) -> list[Message]:
    return [Message(Partition("t", partition), first + i, b"k", b"v", []) for i in range(count)]


@given(st.lists(st.integers(0, 9), max_size=30))
def test_what_is_taken_in_never_passes_the_window(arrivals: list[int]) -> None:
    """However many come at once: the rest is surplus, in order, and none is lost."""
    intake = Intake.starting(0, 0, POLICY.window)
    taken: list[int] = []
    first = 0
    for count in arrivals:
        taken += [m.offset for m in intake.take(messages(first, count))]
        first += count
        assert intake.tracker.unsaved <= POLICY.window
        if taken and first % 3 == 0:
            for offset in range(intake.tracker.committable, taken[-1] + 1):
                intake.tracker.ack(offset)
            intake.saved(intake.tracker.committable)

    assert taken == list(range(len(taken)))
    assert [m.offset for m in intake.surplus] == list(range(len(taken), first))


def test_a_hold_ends_at_the_end_of_the_log_or_of_the_window() -> None:
    """Whichever comes first; and it ends once."""
    short, long = Intake.starting(0, 3, 8), Intake.starting(0, 100, 8)
    short.take(messages(0, 3))
    long.take(messages(0, 7))
    assert (True, False) == (short.ends_hold(), long.ends_hold())
    long.take(messages(7, 1))
    assert (False, True) == (short.ends_hold(), long.ends_hold())


def test_a_partition_that_is_read_to_its_end_holds_nothing() -> None:
    """Nothing of it can have been in flight."""
    assert Intake.starting(5, 5, 8).hold is None


def test_a_process_reads_no_more_than_it_may_hold_in_memory() -> None:
    """Two full partitions are all that fits: the third is not read either."""
    owned = {Partition("t", n): Intake.starting(0, 0, POLICY.window) for n in range(3)}
    for n in (0, 1):
        owned[Partition("t", n)].take(messages(0, 6, n))

    assert set(owned) == full_partitions(owned, POLICY)


def test_of_many_that_are_held_one_is_read_on() -> None:
    """All held, and no memory left: without it nothing would ever be released."""
    owned = {Partition("t", n): Intake.starting(0, 50, POLICY.window) for n in range(3)}
    for n in range(3):
        owned[Partition("t", n)].take(messages(0, 5, n))

    assert {Partition("t", 1), Partition("t", 2)} == full_partitions(owned, POLICY)


def test_a_held_partition_is_read_beyond_its_own_limit() -> None:
    """Up to the window: the rows that may have been in flight."""
    one = Partition("t", 0)
    intake = Intake.starting(0, 50, POLICY.window)
    intake.take(messages(0, 6))
    assert set() == full_partitions({one: intake}, POLICY)
    intake.take(messages(6, 3))
    assert {one} == full_partitions({one: intake}, POLICY)


def test_however_many_are_held_memory_is_bounded() -> None:
    """The destination is down, 24 partitions have a backlog: the bound, and one window more."""
    owned = {Partition("t", n): Intake.starting(0, 1_000_000, POLICY.window) for n in range(24)}
    while todo := set(owned) - full_partitions(owned, POLICY):
        for one in todo:
            intake = owned[one]
            intake.take(messages(intake.tracker.position, 3, one.number))
            intake.ends_hold()

    rows = sum(intake.tracker.unsaved for intake in owned.values())
    assert rows <= POLICY.rows + POLICY.window + 24 * 3
