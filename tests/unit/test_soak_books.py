"""The soak notices a row that is lost, counted twice or uncounted."""

from __future__ import annotations

import pytest

from benchmarks.soak.books import Scrape, gone_back, unbalanced

PAGE = """\
# HELP hightide_consumed_rows_total Rows taken from the topic.
hightide_consumed_rows_total{sync="a"} 10.0
hightide_rows_total{outcome="delivered",reason="",sync="a"} 6.0
hightide_rows_total{outcome="skipped",reason="absent",sync="a"} 1.0
hightide_rows_total{outcome="skipped",reason="deleted",sync="a"} 1.0
hightide_in_flight_rows{sync="a"} 2.0
hightide_consumed_rows_total{sync="b"} 0.0
hightide_in_flight_rows{sync="b"} 0.0
process_cpu_seconds_total 1.5
"""


def test_books_that_balance_say_nothing() -> None:
    """Each sync by itself: consumed are its outcomes and what is in flight."""
    assert [] == unbalanced(Scrape.read(PAGE))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('consumed_rows_total{sync="a"} 10.0', 'consumed_rows_total{sync="a"} 11.0'),
        ('reason="absent",sync="a"} 1.0', 'reason="absent",sync="a"} 2.0'),
        ('in_flight_rows{sync="a"} 2.0', 'in_flight_rows{sync="a"} 1.0'),
        ('consumed_rows_total{sync="b"} 0.0', 'consumed_rows_total{sync="b"} 1.0'),
    ],
)
def test_one_row_too_many_or_too_few_is_said(was: str, now: str) -> None:
    """Wherever it is missing: one sentence, which names the sync and all parts of the sum."""
    assert was in PAGE
    [sentence] = unbalanced(Scrape.read(PAGE.replace(was, now)))
    assert "consumed are not" in sentence


def test_rows_in_flight_are_never_fewer_than_none() -> None:
    """A sum may be right by two mistakes."""
    wrong = PAGE.replace('flight_rows{sync="a"} 2.0', 'flight_rows{sync="a"} -1.0').replace(
        'reason="deleted",sync="a"} 1.0', 'reason="deleted",sync="a"} 4.0'
    )
    assert 1 == len(unbalanced(Scrape.read(wrong)))


def test_a_count_that_goes_back_is_said() -> None:
    """Within one process rows are only ever added."""
    before, now = Scrape.read(PAGE), Scrape.read(PAGE.replace("} 6.0", "} 5.0"))
    assert ["hightide_rows_total went from 6 to 5"] == gone_back(before, now)
    assert [] == gone_back(before, before)
