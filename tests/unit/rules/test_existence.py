"""Nobody known is forgotten, nobody is absent by knowledge older than the row or than an hour."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Message, Partition
from worker.rules.existence import Answer, ExistenceIndex, ExistencePolicy, written_at
from worker.rules.identifiers import Identifiers, mark_of

NOON = 1_800_000_000.0
HOUR = 3_600.0
LONG_AGO = NOON - 10 * HOUR


def identifiers(*names: str) -> Identifiers:
    made = Identifiers()
    made.add(names)
    for _ in made.sort():
        pass
    return made


def index(*exported: str, proofs: int = 0) -> ExistenceIndex:
    """An index whose export began at noon."""
    made = ExistenceIndex(ExistencePolicy(proofs=proofs))
    made.seed(identifiers(*exported), NOON)
    return made


@given(st.sets(st.text(max_size=20)), st.sets(st.text(max_size=20)))
def test_the_set_holds_what_was_added_and_nothing_else(there: set[str], others: set[str]) -> None:
    """Whatever an identifier looks like, also when it comes twice."""
    made = identifiers(*there, *there)

    assert all(made.holds(mark_of(name)) for name in there)
    assert not any(made.holds(mark_of(name)) for name in others - there)
    assert 2 * len(there) == len(made)


def test_an_identifier_takes_eight_bytes() -> None:
    """Also while the set is made and sorted: a million profiles must fit beside everything else."""
    tracemalloc.start()
    made = Identifiers()
    made.add(f"person{n}@example.com" for n in range(100_000))
    for _ in made.sort():
        pass
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 9 * 100_000 + 60_000
    assert peak < 10 * 100_000 + 120_000


def test_an_export_says_who_is_known_and_who_is_absent() -> None:
    """Of rows that were written a minute or more before it began."""
    made = index("ann@x.com")

    assert Answer.KNOWN is made.answer("ann@x.com", LONG_AGO, NOON + 1)
    assert Answer.ABSENT is made.answer("bob@x.com", LONG_AGO, NOON + 1)
    assert Answer.ABSENT is made.answer("bob@x.com", NOON - 60, NOON + 1)


def test_without_an_export_everybody_is_asked_about() -> None:
    """Nothing is known yet."""
    made = ExistenceIndex(ExistencePolicy())

    assert Answer.ASK is made.answer("ann@x.com", LONG_AGO, NOON)


@pytest.mark.parametrize("written", [NOON - 59, NOON, NOON + 100])
def test_a_row_younger_than_the_export_may_be_of_a_younger_profile(written: float) -> None:
    """Reads are up to a minute behind writes, so a minute counts as younger."""
    made = index("ann@x.com")

    assert Answer.ASK is made.answer("bob@x.com", written, NOON + 200)
    assert Answer.KNOWN is made.answer("ann@x.com", written, NOON + 200)


def test_after_an_hour_an_export_says_nothing_any_more() -> None:
    """A profile may have been deleted since, or made."""
    made = index("ann@x.com")

    assert Answer.KNOWN is made.answer("ann@x.com", LONG_AGO, NOON + HOUR)
    assert Answer.ASK is made.answer("ann@x.com", LONG_AGO, NOON + HOUR + 1)
    assert Answer.ASK is made.answer("bob@x.com", LONG_AGO, NOON + HOUR + 1)


def test_a_look_up_that_finds_a_profile_makes_it_known_for_an_hour() -> None:
    """Whenever its rows were written."""
    made = index()
    made.learn("bob@x.com", NOON + 5, NOON + 10, exists=True)

    assert Answer.KNOWN is made.answer("bob@x.com", NOON + 3_000, NOON + 3_000)
    assert Answer.ASK is made.answer("bob@x.com", NOON + 3_000, NOON + 10 + HOUR + 1)


def test_a_look_up_that_finds_nobody_is_believed_of_older_rows() -> None:
    """The next row may come with the profile."""
    made = index()
    made.learn("bob@x.com", NOON + 5, NOON + 100, exists=False)

    assert Answer.ABSENT is made.answer("bob@x.com", NOON + 40, NOON + 120)
    assert Answer.ASK is made.answer("bob@x.com", NOON + 41, NOON + 120)
    assert Answer.ASK is made.answer("bob@x.com", NOON + 40, NOON + 100 + HOUR + 1)


def test_who_was_deleted_since_the_export_is_not_known_by_it() -> None:
    """The newer knowledge counts."""
    made = index("ann@x.com")
    made.learn("ann@x.com", NOON + 5, NOON + 100, exists=False)

    assert Answer.ABSENT is made.answer("ann@x.com", LONG_AGO, NOON + 101)


def test_a_newer_export_replaces_older_look_ups() -> None:
    """Except those of the minute before it, whose profiles it may not hold yet."""
    made = index()
    made.learn("old@x.com", NOON + 5, NOON + 10, exists=True)
    made.learn("new@x.com", NOON + 5, NOON + 950, exists=True)
    made.seed(identifiers(), NOON + 1_000)
    made.learn("x", NOON, NOON + 1_001, exists=False)

    assert Answer.KNOWN is made.answer("new@x.com", NOON + 5, NOON + 1_002)
    assert Answer.KNOWN is not made.answer("old@x.com", NOON + 5, NOON + 1_002)


def test_the_first_misses_of_an_export_are_proved_by_look_ups() -> None:
    """One that broke off without a word would have everybody behind the break skipped."""
    made = index("ann@x.com", proofs=2)

    assert Answer.KNOWN is made.answer("ann@x.com", LONG_AGO, NOON + 1)
    for name in ("b", "c"):
        assert Answer.ASK is made.answer("bob@x.com", LONG_AGO, NOON + 1)
        made.learn(name, LONG_AGO, NOON + 1, exists=False)
    assert (Answer.ABSENT, True) == (made.answer("bob@x.com", LONG_AGO, NOON + 1), made.is_proven)


def test_an_export_that_lacks_somebody_says_of_nobody_that_he_is_absent() -> None:
    """However many others were rightly not in it; who is in it is known all the same."""
    made = index("ann@x.com", proofs=2)
    made.learn("b", LONG_AGO, NOON + 1, exists=True)
    for name in "cdefg":
        made.learn(name, LONG_AGO, NOON + 1, exists=False)

    assert (True, False) == (made.is_doubted, made.is_proven)
    assert Answer.ASK is made.answer("h", LONG_AGO, NOON + 1)
    assert Answer.KNOWN is made.answer("ann@x.com", LONG_AGO, NOON + 1)
    made.seed(identifiers(), NOON + 100)
    assert not made.is_doubted


def test_a_profile_younger_than_the_export_is_no_doubt() -> None:
    """Its row was written after the export began: it could not be in it."""
    made = index(proofs=1)
    made.learn("b", NOON - 30, NOON + 1, exists=True)

    assert not made.is_doubted


def test_look_ups_are_kept_for_their_time_and_in_bounds() -> None:
    """The oldest go first; the newest of one profile counts as new."""
    made = ExistenceIndex(ExistencePolicy(max_look_ups=3))
    for n, name in enumerate("abcad"):
        made.learn(name, LONG_AGO, NOON + n, exists=True)

    found = {n for n in "abcd" if made.answer(n, LONG_AGO, NOON + 5) is Answer.KNOWN}
    assert {"a", "c", "d"} == found
    made.learn("e", LONG_AGO, NOON + 2 * HOUR, exists=True)
    assert 1 == len(made._looked)


def test_what_an_export_now_would_spare() -> None:
    """A row older than a minute, or one of a profile that the last one held."""
    made = index("ann@x.com")

    assert made.would_know("bob@x.com", NOON + 40, NOON + 100)
    assert not made.would_know("bob@x.com", NOON + 41, NOON + 100)
    assert made.would_know("ann@x.com", NOON + 41, NOON + 100)


def test_what_the_last_export_says_no_other_would_spare() -> None:
    """Its misses may wait for their proofs; once it is doubted or an hour old it says nothing."""
    made = index("ann@x.com", proofs=2)

    assert not made.would_know("bob@x.com", LONG_AGO, NOON + HOUR)
    assert made.would_know("bob@x.com", LONG_AGO, NOON + HOUR + 1)
    made.learn("b", LONG_AGO, NOON + 1, exists=True)
    assert made.would_know("bob@x.com", LONG_AGO, NOON + 2)


def test_a_row_without_a_time_counts_as_just_written() -> None:
    """So it is never absent by older knowledge."""

    def made(timestamp_ms: int) -> Message:
        return Message(Partition("t", 0), 0, b"", b"", [], timestamp_ms)

    assert (NOON, NOON) == (written_at(made(0), NOON), written_at(made(-1), NOON))
    assert 1.5 == written_at(made(1_500), NOON)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 200), st.booleans(), st.booleans()),
        max_size=20,
        unique_by=lambda one: one[1],
    ),
    st.integers(-100, 200),
)
def test_no_answer_is_older_than_the_newest_knowledge(
    told: list[tuple[str, int, bool, bool]], written: int
) -> None:
    """Absent only if the newest that was said of it, a minute after the row, says so."""
    made = ExistenceIndex(ExistencePolicy(proofs=0))
    newest: dict[str, tuple[float, bool]] = {}
    for name, at, by_export, exists in sorted(told, key=lambda one: one[1]):
        moment = NOON + at
        if by_export:
            made.seed(identifiers(*([name] if exists else [])), moment)
            newest = {n: (moment, exists and n == name) for n in "ab"}
        else:
            made.learn(name, NOON, moment, exists=exists)
            newest[name] = (moment, exists)

    for name, (moment, exists) in newest.items():
        answer = made.answer(name, NOON + written, NOON + 201)
        if answer is Answer.ABSENT:
            assert not exists
            assert moment >= NOON + written + 60
        if exists:
            assert Answer.KNOWN is answer
