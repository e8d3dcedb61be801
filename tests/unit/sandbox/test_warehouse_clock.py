"""The warehouse's clock can be moved, and every way to ask for the time shows it."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest
import sqlglot

from connectors.sandbox.warehouse.clock import Clock

WEEK_SECONDS = 604_800
QUESTIONS = ["SYSDATE()", "CURRENT_TIMESTAMP()", "GETDATE()", "CURRENT_DATE()", "CURRENT_DATE"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("ahead_seconds", [WEEK_SECONDS, -WEEK_SECONDS])
def test_a_moved_clock_is_told_to_whoever_asks(question: str, ahead_seconds: int) -> None:
    """A week is a week, forth and back, whatever the type of the answer."""
    here, there = _day(Clock(), question), _day(Clock(ahead_seconds), question)

    # It may be midnight between the two questions.
    assert abs(there - here - dt.timedelta(seconds=ahead_seconds)) <= dt.timedelta(days=1)


def test_the_time_of_day_moves_too() -> None:
    """Half a day ahead it is morning in the evening."""
    here, there = _time(Clock()), _time(Clock(43_200))

    assert (there.hour - here.hour) % 24 in {12, 13}


def test_changes_from_outside_carry_the_same_time() -> None:
    """A trickle or a build of the next month is stamped with it."""
    ahead = Clock(WEEK_SECONDS).now() - Clock().now()

    assert dt.timedelta(days=6, hours=23) < ahead < dt.timedelta(days=7, hours=1)


@pytest.mark.parametrize("text", ["SELECT SYSDATE()", "SELECT  1 AS spaced"])
def test_a_statement_is_left_as_it_came(text: str) -> None:
    """Where the clock is the machine's, or nobody asks for the time."""
    clock = Clock() if "SYSDATE" in text else Clock(WEEK_SECONDS)
    tree = sqlglot.parse_one(text, read="snowflake")

    assert (text, tree) == clock.told(text, tree)


def _day(clock: Clock, question: str) -> dt.date:
    answer = _answer(clock, f"CAST({question} AS DATE)")
    assert isinstance(answer, dt.date)
    return answer


def _time(clock: Clock) -> dt.time:
    answer = _answer(clock, "CURRENT_TIME()")
    assert isinstance(answer, dt.time)
    return answer


def _answer(clock: Clock, question: str) -> object:
    text = f"SELECT {question}"
    tree = sqlglot.parse_one(text, read="snowflake")
    told = sqlglot.parse_one(clock.told(text, tree)[0], read="snowflake")
    with duckdb.connect() as connection:
        [[answer]] = connection.execute(told.sql(dialect="duckdb")).fetchall()
    return answer
