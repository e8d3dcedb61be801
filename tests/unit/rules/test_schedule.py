"""Intervals are read as written, and a missed poll is made up for once."""

from __future__ import annotations

import pytest

from worker.rules.schedule import next_poll, parse_interval


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("5m", 300.0), ("24h", 86_400.0), ("1d", 86_400.0), (" 1.5 h ", 5_400.0)],
)
def test_intervals(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert seconds == parse_interval(text)


@pytest.mark.parametrize("text", ["", "24", "h", "-5m", "0s", "5 minutes", "1h30m", "24H", "1e3s"])
def test_anything_else_says_how_to_write_one(text: str) -> None:
    """The sentence shows the form."""
    with pytest.raises(ValueError, match="30s, 5m, 24h or 1d"):
        parse_interval(text)


def test_the_next_poll_counts_from_the_last_ones_start() -> None:
    """A poll of ten minutes does not push the schedule; one that overran is followed at once."""
    assert 160.0 == next_poll(100.0, 60.0, 110.0)
    assert 500.0 == next_poll(100.0, 60.0, 500.0)
