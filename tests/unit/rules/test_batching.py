"""One row per profile and call, newest first to win, never more than a call may hold."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Item, Message, Partition
from worker.rules.batching import Batcher, BatchPolicy, Entry
from worker.rules.offsets import OffsetTracker

P0, P1 = Partition("t", 0), Partition("t", 1)
NOW = 100.0


def entry(
    identity: str,
    offset: int,
    *,
    partition: Partition = P0,
    size: int = 10,
    since: float = NOW,
    changed_at_ns: int = 0,
    tracker: OffsetTracker | None = None,
) -> Entry:
    covers = [(tracker or OffsetTracker(0), offset)]
    item = Item(identity, b"x" * size, identity)
    return Entry(item, Message(partition, offset, b"", b"", []), covers, changed_at_ns, since)


def names(batch: Sequence[Entry]) -> list[str]:
    return [f"{e.item.identity}{e.message.offset}" for e in batch]


def batcher(*entries: Entry, policy: BatchPolicy | None = None) -> Batcher:
    made = Batcher(policy or BatchPolicy(max_rows=3, max_bytes=1_000, linger_seconds=0.5))
    for one in entries:
        made.add(one)
    return made


def test_a_full_batch_is_due_at_once_and_another_after_its_linger() -> None:
    """By rows, by bytes, or by the wait of the oldest row; nothing waiting is never due."""
    assert None is batcher().due_in(NOW)
    assert 0.5 == batcher(entry("A", 0)).due_in(NOW)
    assert 0.0 == batcher(entry("A", 0)).due_in(NOW + 0.5)
    assert 0.0 == batcher(entry("A", 0), entry("B", 1), entry("C", 2)).due_in(NOW)
    assert 0.0 == batcher(entry("A", 0, size=600), entry("B", 1, size=600)).due_in(NOW)


def test_first_come_first_served_and_a_newer_version_keeps_the_place() -> None:
    """A was first and stays first, in its second version; its linger is not begun anew."""
    line = batcher(entry("A", 0, since=NOW - 0.4), entry("B", 1), entry("A", 2))
    due = line.due_in(NOW)

    assert due is not None
    assert (0.0 < due < 0.11, ["A2", "B1"]) == (True, names(line.take()))


def test_a_batch_holds_as_many_rows_and_bytes_as_permitted() -> None:
    """Three rows, or a thousand bytes with the comma between two rows counted."""
    by_rows = batcher(*(entry(c, i) for i, c in enumerate("ABCD")))
    by_bytes = batcher(*(entry(c, i, size=499) for i, c in enumerate("ABC")))

    assert [["A0", "B1", "C2"], ["D3"]] == [names(by_rows.take()), names(by_rows.take())]
    assert [["A0", "B1"], ["C2"]] == [names(by_bytes.take()), names(by_bytes.take())]


def test_a_row_larger_than_a_call_is_a_batch_of_its_own() -> None:
    """It must not block the line for ever: the destination says that it is too large."""
    line = batcher(entry("A", 0, size=5_000), entry("B", 1))

    assert [["A0"], ["B1"]] == [names(line.take()), names(line.take())]


def test_an_older_version_that_comes_late_does_not_win() -> None:
    """In one partition by offset; it is answered for by the newer one all the same."""
    line = batcher(entry("A", 7), entry("A", 3))
    [taken] = line.take()

    assert (7, [3, 7]) == (taken.message.offset, [offset for _, offset in taken.covers])


def test_across_partitions_the_change_time_decides() -> None:
    """One profile under two keys: offsets of two partitions say nothing of each other."""
    older = entry("A", 900, partition=P0, changed_at_ns=1)
    newer = entry("A", 5, partition=P1, changed_at_ns=2)

    assert ["A5"] == names(batcher(older, newer).take())
    assert ["A5"] == names(batcher(newer, older).take())


def test_a_profile_in_flight_waits_and_comes_after() -> None:
    """Parked behind its call; the newest of the parked ones takes a place in the line."""
    line = batcher(entry("A", 0))
    out = line.take()
    for one in (entry("A", 1), entry("A", 2), entry("B", 3)):
        line.add(one)

    assert ["B3"] == names(line.take())
    line.finish(out)
    assert ["A2"] == names(line.take())


def test_held_rows_are_coalesced_and_released_together() -> None:
    """A1 B1 A2 of a partition just assigned become A2 and B1."""
    line = batcher()
    line.hold(P0)
    for one in (entry("A", 0), entry("B", 1), entry("A", 2), entry("Z", 0, partition=P1)):
        line.add(one)

    assert ["Z0"] == names(line.take())
    assert (None, True) == (line.due_in(NOW + 60), line.is_held(P0))
    line.release(P0)
    assert (["A2", "B1"], False) == (names(line.take()), line.is_held(P0))


def test_dropped_partitions_leave_nothing_behind() -> None:
    """Held, waiting and parked rows of them go; other partitions' rows and sizes stay."""
    line = batcher(entry("A", 0), entry("K", 0, partition=P1))
    line.take()
    line.add(entry("A", 1))
    line.add(entry("B", 2, size=900))
    line.add(entry("C", 1, partition=P1))
    line.hold(Partition("t", 2))
    line.add(entry("H", 0, partition=Partition("t", 2)))
    dropped = line.drop(frozenset({P0, Partition("t", 2)}))

    assert ["A1", "B2", "H0"] == sorted(names(dropped))
    assert (0.5, 1) == (line.due_in(NOW), line.waiting)
    assert ["C1"] == names(line.take())


class Line:
    """A batcher under random moves, with what came out of it."""

    def __init__(self) -> None:
        self.batcher = batcher(policy=BatchPolicy(max_rows=2, max_bytes=80, linger_seconds=0.0))
        self.offset = 0
        self.out: list[list[Entry]] = []
        self.taken: list[Entry] = []

    def add(self, identity: str, size: int) -> None:
        self.batcher.add(entry(identity, self.offset, size=size))
        self.offset += 1

    def take(self, *_: object) -> None:
        batch = self.batcher.take()
        assert len(batch) <= 2
        assert len(batch) < 2 or sum(len(e.item.body) + 1 for e in batch) <= 80
        assert not {e.item.identity for e in batch} & {
            e.item.identity for other in self.out for e in other
        }
        self.taken += batch
        self.out.append(batch)

    def finish(self, _: str, number: int) -> None:
        if number < len(self.out):
            self.batcher.finish(self.out.pop(number))

    def hold(self, *_: object) -> None:
        self.batcher.hold(P0)

    def release(self, *_: object) -> None:
        self.batcher.release(P0)

    def empty(self) -> None:
        self.release()
        while self.out or self.batcher.waiting:
            self.take()
            while self.out:
                self.finish("", 0)


moves = st.tuples(
    st.sampled_from(["add", "add", "add", "take", "finish", "hold", "release"]),
    st.sampled_from("ABCDE"),
    st.integers(1, 60),
)


@given(st.lists(moves, max_size=60))
def test_no_row_is_lost_none_sent_twice_none_older_after_newer(
    drawn: list[tuple[str, str, int]],
) -> None:
    """For any interleaving: the taken batches cover every row once, in order for each profile."""
    line = Line()
    for move, identity, number in drawn:
        getattr(line, move)(identity, number % 4 if move == "finish" else number)
    line.empty()

    assert list(range(line.offset)) == sorted(o for e in line.taken for _, o in e.covers)
    for identity in "ABCDE":
        sent = [e.message.offset for e in line.taken if e.item.identity == identity]
        assert sorted(sent) == sent
