"""Look-ups while they are few, an export when it spares more than a few thousand."""

from __future__ import annotations

from connectors.records import Item, Message, Partition
from worker.rules.asking import Asking, AskingPolicy, in_parts
from worker.rules.batching import Entry
from worker.rules.existence import ExistenceIndex, ExistencePolicy
from worker.rules.identifiers import Identifiers

P0, P1 = Partition("t", 0), Partition("t", 1)
WALL = 1_800_000_000.0
NOW = 100.0
POLICY = AskingPolicy(look_ups_at_once=2, look_ups_per_export=3, patience_seconds=5.0)


def entry(name: str, age_seconds: float = 1_800.0, partition: Partition = P0) -> Entry:
    message = Message(partition, 0, b"", b"", [], int((WALL - age_seconds) * 1000))
    return Entry(Item(name, b"", name), message, [], 0, 0.0)


def asking(
    *names: str, policy: AskingPolicy = POLICY, seeded: bool = True, age_seconds: float = 1_800.0
) -> Asking:
    index = ExistenceIndex(ExistencePolicy())
    if seeded:
        index.seed(Identifiers(), WALL - 3_000)
    made = Asking(policy, index)
    for name in names:
        made.add(entry(name, age_seconds))
    return made


def looked_up(made: Asking, out: int = 0, now: float = NOW) -> str | None:
    found = made.next_look_up(out, now, WALL)
    return None if found is None else found.item.key


def test_rows_are_looked_up_first_come_first_served_so_many_at_once() -> None:
    """Two here; a row that is looked up does not wait any more."""
    made = asking("a", "b", "c")

    assert ("a", "b", None) == (looked_up(made, 0), looked_up(made, 1), looked_up(made, 2))
    assert ["c"] == made.keys()


def test_the_first_export_begins_with_the_first_row() -> None:
    """A process without rows needs none."""
    assert not asking(seeded=False).export_is_due(NOW, WALL)
    assert asking("a", seeded=False).export_is_due(NOW, WALL)


def test_another_export_is_made_when_it_spares_more_than_so_many_look_ups() -> None:
    """Those that wait, and those that were made since the last one."""
    made = asking("a", "b", "c")
    assert not made.export_is_due(NOW, WALL)
    assert "a" == looked_up(made)
    assert not made.export_is_due(NOW, WALL)
    made.add(entry("d"))

    assert made.export_is_due(NOW, WALL)
    made.export_ended(well=True)
    assert not made.export_is_due(NOW + 2, WALL)


def test_rows_too_young_for_an_export_bring_none_about() -> None:
    """It would not say of them that they are absent; once they are older it would."""
    made = asking(*"abcdef", age_seconds=30.0)

    assert not made.export_is_due(NOW, WALL)
    assert made.export_is_due(NOW + 31, WALL + 31)


def test_by_look_ups_alone_there_is_no_export() -> None:
    """`existence: look_up`."""
    made = asking(*"abcdef", policy=AskingPolicy(exports=False), seeded=False)

    assert not made.export_is_due(NOW, WALL)
    assert "a" == looked_up(made)


def test_many_rows_wait_for_an_export_that_is_on_its_way() -> None:
    """Few don't, when another has been before: their look-ups are sooner."""
    many, few = asking(*"abcd"), asking(*"abc")
    for made in (many, few):
        made.export_began(NOW)

    assert (None, "a") == (looked_up(many, now=NOW + 60), looked_up(few))
    many.export_ended(well=True)
    assert "a" == looked_up(many)


def test_few_rows_wait_for_the_first_export_only_a_while() -> None:
    """A backlog shows in that time; a single row must not wait for minutes."""
    made = asking("a", seeded=False)
    made.export_began(NOW)

    assert (None, "a") == (looked_up(made, now=NOW + 4.9), looked_up(made, now=NOW + 5))


def test_while_a_failed_export_is_repeated_look_ups_go_on() -> None:
    """It may fail for hours."""
    made = asking(*"abcd", seeded=False)
    made.export_began(NOW)
    made.export_ended(well=False)

    assert "a" == looked_up(made)


def test_exports_that_are_not_whole_are_repeated_less_and_less() -> None:
    """Each doubles what it takes for the next; one that is whole makes up for them."""
    made = asking(*"abcdef")
    made.export_judged(whole=False)
    assert not made.export_is_due(NOW, WALL)
    made.add(entry("g"))
    assert made.export_is_due(NOW, WALL)
    made.export_judged(whole=False)
    assert not made.export_is_due(NOW + 2, WALL)
    made.export_judged(whole=True)
    assert made.export_is_due(NOW + 4, WALL)


def test_what_is_dropped_or_taken_is_gone() -> None:
    """Each row leaves once."""
    made = asking("a", "b")
    made.add(entry("c", partition=P1))

    assert ["c"] == [e.item.key for e in made.drop(frozenset({P1}))]
    assert ["a"] == [e.item.key for e in made.take(["a", "c"])]
    assert ([["b"]], 1) == (list(in_parts(made.keys(), 2)), len(made))
