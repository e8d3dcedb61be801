"""A poll starts early enough for what commits late, and ends before what has not settled."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Position
from tests.unit.rules.watermarks import DAY_NS, epochs, kinds_with_numbers
from worker.rules.watermark import (
    NS,
    CounterWatermark,
    DateWatermark,
    EpochWatermark,
    TimestampWatermark,
    Watermark,
    to_ns,
)
from worker.rules.window import WindowPolicy, earlier

FIRST_MOMENT = Position("0001-01-01 00:00:00.000000000")
policies = st.builds(
    WindowPolicy,
    overlap_seconds=st.floats(0.0, 1e7),
    settle_delay_seconds=st.floats(0.0, 1e5),
    overlap_numbers=st.integers(0, 10**6),
)


# --- where a poll starts ------------------------------------------------------------------------


@given(kinds_with_numbers(numbers=1), policies)
def test_a_poll_never_starts_behind_the_watermark(
    drawn: tuple[Watermark, list[int]], policy: WindowPolicy
) -> None:
    """Whatever the overlap, down to the first moment there is: nothing is skipped."""
    kind, [number] = drawn
    mark = Position(kind.text(number), "k")
    start = kind.start(mark, policy)

    assert start is not None
    assert start == earlier(start, mark)


@pytest.mark.parametrize(
    ("kind", "mark", "start"),
    [
        (
            TimestampWatermark(),
            "2026-11-24 08:45:00.123456789",
            "2026-11-24 08:30:00.123456789",
        ),
        (DateWatermark(), "2026-11-24", "2026-11-23"),
        (EpochWatermark(NS), "1795855500", "1795854600"),
        (EpochWatermark(1_000_000), "1795855500123", "1795854600123"),
        (EpochWatermark(1_000), "1795855500123456", "1795854600123456"),
        (EpochWatermark(1), "1795855500123456789", "1795854600123456789"),
        (CounterWatermark(), "47110", "37110"),
    ],
)
def test_a_poll_starts_the_overlap_below_the_watermark(
    kind: Watermark, mark: str, start: str
) -> None:
    """Fifteen minutes in every unit, a whole day of dates, ten thousand of a counter."""
    assert Position(start) == kind.start(Position(mark, "k"), WindowPolicy())


@pytest.mark.parametrize(
    "kind", [TimestampWatermark(), DateWatermark(), EpochWatermark(NS), CounterWatermark()]
)
def test_without_a_watermark_a_poll_starts_at_the_very_beginning(kind: Watermark) -> None:
    """The first poll reads everything."""
    assert None is kind.start(None, WindowPolicy())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TimestampWatermark(), "2026-11-24 08:45:00.123456789"),
        (EpochWatermark(NS), "1795855500"),
        (CounterWatermark(), "4711"),
    ],
)
def test_without_an_overlap_a_poll_goes_on_behind_the_very_last_row(
    kind: Watermark, value: str
) -> None:
    """Its key belongs to the start: rows of the same moment were read up to it."""
    mark = Position(value, "k")

    assert mark == kind.start(mark, WindowPolicy(overlap_seconds=0.0, overlap_numbers=0))


@pytest.mark.parametrize(
    ("kind", "mark", "first"),
    [
        (TimestampWatermark(), Position("0001-01-01 00:05:00.000000000", "k"), FIRST_MOMENT),
        (DateWatermark(), Position("0001-01-01", "k"), Position("0001-01-01")),
    ],
)
def test_a_poll_never_starts_before_the_first_moment_there_is(
    kind: Watermark, mark: Position, first: Position
) -> None:
    """A model full of 0001-01-01, which stands for "never": the year 0 does not exist."""
    assert first == kind.start(mark, WindowPolicy())


@given(st.integers(0, 20_000), st.floats(0.0, 1e6), st.integers(0, DAY_NS - 1))
def test_a_day_is_read_until_it_is_over(day: int, overlap: float, within_ns: int) -> None:
    """Read at any time of it: the day lies inside the window then, and again inside the next."""
    kind, policy = DateWatermark(), WindowPolicy(overlap_seconds=overlap)
    text = kind.text(day)
    end = kind.end(day * DAY_NS + within_ns, policy)
    start = kind.start(Position(text, "k"), policy)
    yesterday = kind.text(day - 1)

    assert end == kind.text(day + 1)
    assert start is not None
    assert start.value <= yesterday < text < end
    assert None is start.key


@given(st.integers(0, 20_000), st.floats(0.0, 1e6))
def test_an_overlap_of_dates_is_never_shorter_than_it_says(day: int, overlap: float) -> None:
    """25 hours are two days."""
    kind = DateWatermark()
    start = kind.start(Position(kind.text(day)), WindowPolicy(overlap_seconds=overlap))
    assert start is not None
    back = date.fromisoformat(kind.text(day)) - date.fromisoformat(start.value)

    assert timedelta(seconds=int(overlap)) <= back <= timedelta(seconds=overlap + 86_400)


@given(epochs, st.integers(0, 2**40), st.floats(0.0, 1e6))
def test_an_overlap_of_epochs_is_never_shorter_than_it_says(
    kind: EpochWatermark, number: int, overlap: float
) -> None:
    """Half a second is one second where seconds are counted; rounded down it would be nothing."""
    start = kind.start(Position(str(number), "k"), WindowPolicy(overlap_seconds=overlap))
    assert start is not None
    back_ns = (number - int(start.value)) * kind.unit_ns

    assert int(overlap * NS) <= back_ns < int(overlap * NS) + kind.unit_ns


# --- where a poll ends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (TimestampWatermark(), "2026-11-24 09:59:30.000000001"),
        (DateWatermark(), "2026-11-25"),
        (EpochWatermark(NS), "1795514370"),
        (EpochWatermark(1_000_000), "1795514370000"),
        (EpochWatermark(1), "1795514370000000001"),
        (CounterWatermark(), None),
    ],
)
def test_a_poll_ends_the_settle_delay_before_the_sources_now(
    kind: Watermark, end: str | None
) -> None:
    """Half a minute before ten; today whole; a counter is read to its end."""
    clock = to_ns("2026-11-24 10:00:00.000000001")

    assert end == kind.end(clock, WindowPolicy(settle_delay_seconds=30.0))


@given(epochs, st.integers(0, 2**61), st.floats(0.0, 1e5))
def test_a_row_within_the_settle_delay_is_in_no_window_of_epochs(
    kind: EpochWatermark, clock_ns: int, settle: float
) -> None:
    """The end is exclusive and rounded down: what changes now counts as changing later."""
    end = kind.end(clock_ns, WindowPolicy(settle_delay_seconds=settle))
    assert end is not None
    last_ns = (int(end) - 1) * kind.unit_ns

    assert last_ns + kind.unit_ns <= clock_ns - int(settle * NS)
