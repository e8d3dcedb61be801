"""The journal misses no call, and counts the fullest second without the refused ones."""

from __future__ import annotations

import orjson

from connectors.sandbox.iterable.journal import Journal, busiest_second, digest, marks_of

PATH = "/api/users/bulkUpdate"


def test_reading_on_from_a_number_misses_nothing() -> None:
    """Numbers begin at 1 and go up by 1."""
    journal = Journal()
    for second in range(3):
        journal.write(float(second), "POST", PATH, 200, rows=second)

    assert [entry.number for entry in journal.after(0)] == [1, 2, 3]
    assert [entry.number for entry in journal.after(2)] == [3]
    assert list(journal.after(3)) == []


def test_a_line_shows_microseconds_and_hides_what_is_empty() -> None:
    """No fault and no identifiers: no such keys."""
    journal = Journal()
    journal.write(1.23456789, "POST", PATH, 200, rows=2)

    assert orjson.loads(next(journal.after(0)).as_json()) == {
        "number": 1,
        "arrived_at_seconds": 1.234568,
        "method": "POST",
        "path": PATH,
        "status": 200,
        "rows": 2,
    }


def test_refused_calls_do_not_fill_a_second() -> None:
    """Six calls in one second, one of them refused with 429: the fullest second holds five."""
    journal = Journal()
    for tick in range(6):
        journal.write(tick / 10, "POST", PATH, 429 if tick == 3 else 200)

    stats = journal.stats()
    assert stats["busiest_second"] == {PATH: 5}
    assert stats["by_endpoint"] == {PATH: {"200": 5, "429": 1}}
    assert stats["rate_limited"] == 1
    assert stats["calls"] == 6


def test_a_second_ends_before_its_end() -> None:
    """Calls exactly one second apart are never in one second."""
    assert busiest_second([0.0, 1.0, 2.0]) == 1
    assert busiest_second([0.0, 0.9, 1.8]) == 2
    assert busiest_second([]) == 0


def test_a_digest_sees_values_and_not_the_order_of_keys() -> None:
    """Equal rows have equal digests."""
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert [mark[:2] for mark in marks_of([{"email": "a@x.com"}, 5])] == [("a@x.com", None)]
