"""Windows cover exactly the rows there are; the watermark and the statements' sizes stay sane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Position
from worker.rules.watermark import NS, to_text
from worker.rules.window import MAX_STATEMENTS, MIN_ROWS, advance, earlier, least_rows

positions = st.builds(
    Position,
    st.integers(0, 3).map(lambda n: to_text(n * NS)),
    st.none() | st.sampled_from(["a", "b", "c"]),
)
numbers = st.builds(
    Position,
    st.integers(-120, 120).map(str),
    st.none() | st.sampled_from(["a", "b", "c"]),
)


def order(position: Position) -> tuple[int, str]:
    return int(position.value), position.key or ""


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


def test_numbers_are_not_ordered_as_text_is() -> None:
    """Nine comes before ten, minus ten before minus nine; as text both would be the other way."""
    nine, ten = Position("9", "a"), Position("10", "a")
    assert ten == advance(nine, ten) == advance(ten, nine)
    assert nine == earlier(nine, ten) == earlier(ten, nine)

    low, high = Position("-10"), Position("-9")
    assert (high, low) == (advance(high, low), earlier(high, low))


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_counter_never_moves_back_either(reads: list[Position]) -> None:
    """Neither over a power of ten nor over zero; of equal numbers the greater key is the later."""
    mark: Position | None = None
    for read in reads:
        mark = advance(mark, read)
    assert mark is not None

    assert max(map(order, reads)) == order(mark)


@given(numbers, numbers)
def test_the_earlier_start_leaves_out_nothing_of_either(one: Position, other: Position) -> None:
    """And the very beginning is earlier than any."""
    assert min(order(one), order(other)) == order(earlier(one, other) or one)
    assert None is earlier(one, None)
    assert None is earlier(None, other)


@pytest.mark.parametrize(
    ("to_read", "least"),
    [
        (0, 0),
        (1, 1),
        (99, 99),
        (100, 100),
        (101, 100),
        (50_000, 100),
        (50_499, 100),
        (50_500, 101),
        (1_000_000, 2_000),
    ],
)
def test_the_least_a_statement_may_return_grows_with_what_is_to_be_read(
    to_read: int, least: int
) -> None:
    """All of a small rest, a hundred rows of most, a 500th of a lot."""
    assert least == least_rows(to_read)


@given(st.integers(0, 10**9))
def test_near_the_limit_a_poll_needs_few_statements(to_read: int) -> None:
    """However little each may return, 500 of them are enough, or all come in hundreds."""
    least = least_rows(to_read)

    assert 0 <= least <= to_read
    assert least == to_read or least >= MIN_ROWS
    assert least == MIN_ROWS or to_read < (least + 1) * MAX_STATEMENTS


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
