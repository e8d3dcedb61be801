"""Guards: which snapshot is refused, and what counts as blanked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Column, ColumnType, SnapshotCounts
from worker.rules.guards import (
    GuardPolicy,
    blanked_columns,
    filled_columns,
    refusal_sentence,
    refusals,
)


def columns(*names: str) -> list[Column]:
    return [Column(name, ColumnType.TEXT) for name in names]


def whats(policy: GuardPolicy, counts: SnapshotCounts) -> list[str]:
    return [refusal.what for refusal in refusals(policy, counts)]


def test_each_share_has_its_own_guard() -> None:
    """Deleted, changed, and every blanked column by its name."""
    counts = SnapshotCounts(100, 7, 61, 11, {"COUNTRY": 31, "CITY": 30, "ZIP": 99})
    policy = GuardPolicy(max_deleted=0.1, max_changed=0.6, max_blanked=0.3)

    assert ["deleted", "changed", "COUNTRY blanked", "ZIP blanked"] == whats(policy, counts)
    assert ["COUNTRY blanked", "ZIP blanked"] == whats(GuardPolicy(1.0, 1.0, 0.3), counts)


def test_the_first_snapshot_is_never_refused() -> None:
    """Nothing is known that could be deleted or blanked."""
    assert [] == whats(GuardPolicy(0.0, 0.0, 0.0), SnapshotCounts(0, 1_000, 5, 0, {"A": 3}))


@given(st.integers(1, 5_000), st.integers(0, 100))
def test_a_share_exactly_at_its_guard_passes_and_one_row_more_does_not(
    known: int, percent: int
) -> None:
    """At every size and whole percentage, whatever floats make of it."""
    permitted = percent / 100
    rows = known * percent // 100
    exact = SnapshotCounts(known * 100, 0, 0, known * percent)
    policy = GuardPolicy(permitted, permitted, permitted)

    assert [] == whats(policy, exact)
    assert [] == whats(policy, SnapshotCounts(known, 0, rows, rows, {"A": rows}))
    above = SnapshotCounts(known, 0, rows + 1, rows + 1, {"A": rows + 1})
    assert ["deleted", "changed", "A blanked"] == whats(policy, above)


def test_guards_wide_open_refuse_nothing() -> None:
    """Every row deleted and every column blanked is still a share of one."""
    assert [] == whats(GuardPolicy(1.0, 1.0, 1.0), SnapshotCounts(9, 9, 9, 9, {"A": 9}))


def test_a_refusal_says_what_how_much_and_what_to_do() -> None:
    """One sentence, with the numbers that were measured and the two commands."""
    refused = refusals(GuardPolicy(), SnapshotCounts(2_000, 0, 0, 1_500, {"COUNTRY": 900}))
    sentence = refusal_sentence("people", refused, 2_000)

    assert "of 2,000 known rows deleted 1,500 (75.0%, guard 10.0%)" in sentence
    assert "COUNTRY blanked 900 (45.0%, guard 30.0%)" in sentence
    assert "nothing was published" in sentence
    assert "`hightide snapshot people --dry-run`" in sentence
    assert "`hightide snapshot people --pass-guards`" in sentence


def test_only_a_value_that_was_there_is_blanked() -> None:
    """NULL after NULL is not; 0, False and the empty string are values."""
    three = columns("A", "B", "C")
    filled, blanked = filled_columns(three), blanked_columns(three)

    assert ("A", "C") == blanked(filled((0, None, "")), (None, None, None))
    assert () == blanked(filled((None, "x", False)), (None, "y", ""))


def test_a_column_that_is_new_or_removed_is_not_blanked() -> None:
    """Names decide, not places: columns come, go and change their order."""
    before = filled_columns(columns("A", "OLD", "B"))(("x", "x", "x"))

    assert () == blanked_columns(columns("NEW", "B", "A"))(before, (None, "x", "x"))
    assert ("B",) == blanked_columns(columns("NEW", "B", "A"))(before, (None, None, "x"))


def test_of_a_row_nothing_is_known_of_nothing_is_blanked() -> None:
    """A new row, or one whose schema nobody could read."""
    assert () == blanked_columns(columns("A"))(b"", (None,))


rows = st.lists(st.none() | st.text(max_size=3), min_size=5, max_size=5)


@given(rows, rows)
def test_blanked_is_filled_before_and_null_now(before: list[object], now: list[object]) -> None:
    """For any two versions of a row, column by column."""
    five = columns("ID", "COUNTRY", "CITY", "ZIP", "FULL NAME")
    expected = [
        column.name
        for column, was, value in zip(five, before, now, strict=True)
        if was is not None and value is None
    ]

    assert tuple(expected) == blanked_columns(five)(filled_columns(five)(before), now)
