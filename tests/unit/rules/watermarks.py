"""Kinds of watermarks and the numbers they count, to draw from."""

from __future__ import annotations

from hypothesis import strategies as st

from worker.rules.watermark import (
    NS,
    CounterWatermark,
    DateWatermark,
    EpochWatermark,
    TimestampWatermark,
    Watermark,
)

YEAR_1_NS = -62_135_596_800 * NS
YEAR_10000_NS = 253_402_300_800 * NS
DAY_NS = 86_400 * NS
UNITS_NS = (NS, 1_000_000, 1_000, 1)

moments = st.integers(YEAR_1_NS, YEAR_10000_NS - 1)
days = st.integers(YEAR_1_NS // DAY_NS, YEAR_10000_NS // DAY_NS - 2)
integers = st.integers(-(2**63), 2**63)
epochs = st.sampled_from([EpochWatermark(unit_ns) for unit_ns in UNITS_NS])


@st.composite
def kinds_with_numbers(draw: st.DrawFn, numbers: int) -> tuple[Watermark, list[int]]:
    """Draw a kind of watermark and some numbers that a page of it may carry."""
    kinds: list[tuple[Watermark, st.SearchStrategy[int]]] = [
        (TimestampWatermark(), moments),
        (DateWatermark(), days),
        (EpochWatermark(1_000_000), integers),
        (CounterWatermark(), integers),
    ]
    kind, values = draw(st.sampled_from(kinds))
    return kind, [draw(values) for _ in range(numbers)]
