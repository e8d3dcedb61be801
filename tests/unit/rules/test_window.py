"""Windows cover exactly the rows there are, and watermark text loses no nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Position
from worker.rules.window import (
    NS,
    WindowPolicy,
    advance,
    start_of_poll,
    to_ns,
    to_text,
    upper_bound,
)

YEAR_1_NS = -62_135_596_800 * NS
YEAR_10000_NS = 253_402_300_800 * NS
moments = st.integers(YEAR_1_NS, YEAR_10000_NS - 1)


@given(moments)
def test_text_and_nanoseconds_are_one(ns: int) -> None:
    """From the year 1 to the year 9999, to the last digit."""
    assert ns == to_ns(to_text(ns))
    assert 29 == len(to_text(ns))


@given(moments, moments)
def test_text_is_ordered_as_time_is(one: int, other: int) -> None:
    """Watermarks are compared as text."""
    assert (one < other) == (to_text(one) < to_text(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24 08:45:00",
        "2026-11-24 08:45:00.123456",
        "2026-11-24T08:45:00.1",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """A watermark with fewer digits would re-read its last row for ever."""
    with pytest.raises(ValueError, match="NNNNNNNNN"):
        to_ns(text)


def test_a_poll_starts_the_overlap_below_and_ends_the_settle_delay_before_now() -> None:
    """The figures of the module's picture."""
    policy = WindowPolicy(overlap_seconds=900.0, settle_delay_seconds=30.0)
    mark = Position("2026-11-24 08:45:00.123456789", "k")

    assert Position("2026-11-24 08:30:00.123456789", None) == start_of_poll(mark, policy)
    clock = to_ns("2026-11-24 10:00:00.000000000")
    assert "2026-11-24 09:59:30.000000000" == upper_bound(clock, policy)


def test_without_watermark_or_overlap_the_start_is_as_it_is() -> None:
    """The first poll reads everything; an overlap of 0 goes on behind the very last row."""
    mark = Position("2026-11-24 08:45:00.123456789", "k")

    assert None is start_of_poll(None, WindowPolicy())
    assert mark == start_of_poll(mark, WindowPolicy(overlap_seconds=0.0))


positions = st.builds(
    Position,
    st.integers(0, 3).map(lambda n: to_text(n * NS)),
    st.none() | st.sampled_from(["a", "b", "c"]),
)


@given(st.none() | positions, st.lists(positions, max_size=20))
def test_the_watermark_never_moves_back(start: Position | None, reads: list[Position]) -> None:
    """Whatever is read again in the overlap, it ends at the highest position seen."""
    mark = start
    for read in reads:
        after = advance(mark, read)
        if mark is not None:
            assert (after.value, after.key or "") >= (mark.value, mark.key or "")
        mark = after
    seen = [p for p in (start, *reads) if p is not None]
    highest = max(((p.value, p.key or "") for p in seen), default=None)
    assert highest == (None if mark is None else (mark.value, mark.key or ""))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=40, unique_by=lambda r: r[1]
    ),
    st.integers(1, 7),
    st.integers(0, 5),
)
def test_keyset_windows_cover_exactly_the_rows(
    rows: list[tuple[int, int]], limit: int, before: int
) -> None:
    """For any page size and any ties: each row below the bound once, in order, and no other."""
    table = sorted((to_text(mark * NS), f"{key:02d}") for mark, key in rows)
    bound = to_text(before * NS)
    after: Position | None = None
    seen: list[tuple[str, str]] = []
    while True:
        page = [row for row in table if _is_after(row, after) and row[0] < bound][:limit]
        seen += page
        if page:
            after = Position(*page[-1])
        if len(page) < limit:
            break

    assert [row for row in table if row[0] < bound] == seen


def _is_after(row: tuple[str, str], after: Position | None) -> bool:
    # The two conditions of connectors/snowflake/query.py, one to one.
    if after is None:
        return True
    if after.key is None:
        return row[0] >= after.value
    return row[0] >= after.value and (row[0] > after.value or row[1] > after.key)
