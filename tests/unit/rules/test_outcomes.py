"""The share of rejects is judged over the newest rows, and what does not pass is not counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import (
    Delivered,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Verdict,
)
from worker.rules.outcomes import DeadLetterLimit, RejectShare, outcome_label

LIMIT = DeadLetterLimit(max_share=0.2, over_rows=1_000, from_rows=100)


def test_few_rows_are_not_judged() -> None:
    """The first rows may all be bad: 99 say nothing of a topic yet, the hundredth does."""
    share = RejectShare(LIMIT)

    assert [True, False] == [share.passes(99, 99), share.passes(1, 1)]


def test_exactly_the_share_passes() -> None:
    """20 of 100 pass, 21 do not."""
    assert RejectShare(LIMIT).passes(100, 20)
    assert not RejectShare(LIMIT).passes(100, 21)


def test_a_batch_that_does_not_pass_may_be_offered_again() -> None:
    """It is not counted, so once good rows have come by it passes."""
    share = RejectShare(LIMIT)
    assert [False, False] == [share.passes(100, 30), share.passes(100, 30)]
    assert share.passes(100, 0)
    assert share.passes(100, 30)


def test_good_rows_of_long_ago_excuse_nothing() -> None:
    """A million good rows do not make room for 200,000 bad ones: only the newest count."""
    share = RejectShare(LIMIT)
    for _ in range(1_000):
        assert share.passes(1_000, 0)

    assert [True, False] == [share.passes(100, 100), share.passes(200, 200)]


def test_a_batch_without_rejects_always_passes() -> None:
    """Also right after the limit was reached: good rows are never held up."""
    share = RejectShare(LIMIT)
    share.passes(100, 20)

    assert share.passes(1, 0)


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1)), max_size=60))
def test_what_passed_is_within_the_limit(batches: list[tuple[int, float]]) -> None:
    """For any batches: over all rows that passed while judged, the share stays below the limit."""
    share = RejectShare(DeadLetterLimit(max_share=0.2, over_rows=10**9, from_rows=1))
    rows = rejected = 0
    for size, part in batches:
        bad = int(size * part)
        if share.passes(size, bad):
            rows, rejected = rows + size, rejected + bad
    assert rejected <= 0.2 * rows


@pytest.mark.parametrize(
    ("verdict", "label"),
    [
        (Delivered(), ("delivered", "")),
        (Unchanged(), ("unchanged", "")),
        (Skipped(SkipReason.FORGOTTEN), ("skipped", "forgotten")),
        (Rejected(RejectReason.CONFLICT, 200), ("rejected", "conflict")),
    ],
)
def test_a_verdict_has_two_closed_labels(verdict: Verdict, label: tuple[str, str]) -> None:
    """What became of the row, and why; never a status or a text."""
    assert label == outcome_label(verdict)
