"""Intervals and cron are read as written; a missed poll is made up for once, none comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.rules.schedule import (
    Continuous,
    Cron,
    Every,
    Schedule,
    in_words,
    next_poll,
    parse_cron,
    parse_interval,
    parse_zone,
)

BERLIN = "Europe/Berlin"
EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "45 8 * * *",
    "0,30 1,2,3 * * *",
    "30 * * * MON-FRI",
    "*/20 2 * * *",
    "0 0 1 * *",
    "15 3 L * *",
)
ZONES = ("UTC", BERLIN, "America/Los_Angeles", "Australia/Lord_Howe", "Africa/Cairo")

moments = st.floats(1.6e9, 2.0e9)
lengths = st.floats(1.0, 1e6)
schedules = st.one_of(
    lengths.map(Every),
    lengths.map(Continuous),
    st.builds(Cron, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES)),
)


def at(text: str) -> float:
    """Return a moment, UTC where it says no offset."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def starts(schedule: Schedule, first: str, count: int) -> list[str]:
    """Return when the polls after one at `first` start, when each takes two seconds."""
    found, started = [], at(first)
    for _ in range(count):
        started = next_poll([schedule], started, started + 2.0)
        found.append(shown(started))
    return found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("5m", 300.0), ("24h", 86_400.0), ("1d", 86_400.0), (" 1.5 h ", 5_400.0)],
)
def test_intervals(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert seconds == parse_interval(text)


@pytest.mark.parametrize("text", ["", "24", "h", "-5m", "5 minutes", "1h30m", "24H", "1e3s"])
def test_anything_else_says_how_to_write_one(text: str) -> None:
    """The sentence shows the form."""
    with pytest.raises(ValueError, match="30s, 5m, 24h or 1d"):
        parse_interval(text)


@pytest.mark.parametrize("text", [*EXPRESSIONS, "0 0 * 2 MON#5", "0 6 * JAN-JUN 1"])
def test_cron_expressions(text: str) -> None:
    """Five fields, however far apart."""
    assert text == parse_cron(text)
    assert text == parse_cron(f" {text.replace(' ', '  ')} ")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a cron expression"),
        ("daily", "not a cron expression"),
        ("45 8 * *", "not a cron expression"),
        ("0 45 8 * * *", "not a cron expression"),
        ("@daily", "not a cron expression"),
        ("60 8 * * *", "bad minute"),
        ("45 24 * * *", "bad hour"),
        ("45 8 0 * *", "bad day-of-month"),
        ("45 8 * 13 *", "bad month"),
        ("45 8 * * FRIDAY", "bad day-of-week"),
        ("45 8 */0 * *", "bad day-of-month"),
        ("45 8 30 2 *", "bad day-of-month"),
        ("45 8 */30 2 MON#3", "no day is ever like that"),
    ],
)
def test_no_cron_expression_says_what_is_wrong_and_how_to_write_one(text: str, fault: str) -> None:
    """Seconds are no field; one that never comes true would be a sync that never polls."""
    with pytest.raises(ValueError, match=f"^{fault}; write five fields, .*: '45 8 "):
        parse_cron(text)
    with pytest.raises(ValueError, match=fault):
        Cron(text)


@given(st.lists(st.text("0123456789*/,-#LWMONFRIJA ²", max_size=6), min_size=5, max_size=5))
def test_whatever_is_written_is_an_expression_or_a_sentence(fields: list[str]) -> None:
    """No other error comes out of the library, and what is accepted can be asked for a moment."""
    try:
        cron = Cron(" ".join(fields), BERLIN)
    except ValueError as error:
        assert "write five fields" in str(error)  # noqa: PT017  # either is right
        return
    assert next_poll([cron], 1.8e9, 1.8e9) < 1.8e9 + 50 * 366 * 86_400


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../UTC", "/etc/localtime", "CEST"])
def test_no_time_zone_says_how_to_write_one(zone: str) -> None:
    """Also where a path is written: none is opened."""
    with pytest.raises(ValueError, match="UTC or America/Los_Angeles"):
        Cron("45 8 * * *", zone)
    with pytest.raises(ValueError, match="not a time zone"):
        parse_zone(zone)


def test_every_counts_from_the_last_ones_start() -> None:
    """A poll of ten minutes does not push the schedule; one that overran is followed at once."""
    assert 160.0 == next_poll([Every(60.0)], 100.0, 110.0)
    assert 500.0 == next_poll([Every(60.0)], 100.0, 500.0)


def test_continuous_counts_from_the_last_ones_end() -> None:
    """However long it took."""
    assert 140.0 == next_poll([Continuous(30.0)], 100.0, 110.0)
    assert 530.0 == next_poll([Continuous(30.0)], 100.0, 500.0)


def test_cron_is_a_time_of_day_in_its_zone() -> None:
    """8:45 in Berlin is 7:45 UTC in winter and 6:45 in summer."""
    assert ["2026-01-10 08:45:00"] == starts(Cron("45 8 * * *"), "2026-01-10", 1)
    assert ["2026-01-10 07:45:00"] == starts(Cron("45 8 * * *", BERLIN), "2026-01-10", 1)
    assert ["2026-07-10 06:45:00"] == starts(Cron("45 8 * * *", BERLIN), "2026-07-10", 1)


def test_a_time_that_passed_while_polling_is_made_up_for_once() -> None:
    """Hourly, and a poll of more than two hours: at once, then on the hour again."""
    hourly = Cron("0 * * * *")
    late = next_poll([hourly], at("2026-01-10 08:00"), at("2026-01-10 10:20"))

    assert "2026-01-10 10:20:00" == shown(late)
    assert "2026-01-10 11:00:00" == shown(next_poll([hourly], late, late + 60.0))


def test_a_poll_that_woke_a_moment_early_is_not_repeated() -> None:
    """At 8:44:59.8 the poll of 8:45 started, not one before it."""
    early = at("2026-01-10 08:45") - 0.2

    assert "2026-01-11 08:45:00" == shown(next_poll([Cron("45 8 * * *")], early, early + 0.1))


def test_a_time_that_spring_skips_comes_right_after_the_gap() -> None:
    """In Berlin 2:00 to 3:00 is not there on 29 March 2026; 3:00 is 1:00 UTC, 2:30 then 0:30."""
    assert [
        "2026-03-28 01:30:00",
        "2026-03-29 01:00:00",
        "2026-03-30 00:30:00",
    ] == starts(Cron("30 2 * * *", BERLIN), "2026-03-28", 3)


def test_a_time_that_autumn_has_twice_comes_the_first_time_only() -> None:
    """On 25 October 2026 it is 2:30 at 0:30 UTC and again at 1:30."""
    assert [
        "2026-10-24 00:30:00",
        "2026-10-25 00:30:00",
        "2026-10-26 01:30:00",
    ] == starts(Cron("30 2 * * *", BERLIN), "2026-10-24", 3)


def test_a_process_started_in_the_second_pass_of_autumns_hour_waits() -> None:
    """At the second 2:10 the first 2:30 is over: polling it would go on without a pause."""
    night = Cron("0,30 2 * * *", BERLIN)

    assert ["2026-10-26 01:00:00"] == starts(night, "2026-10-25 02:10+01:00", 1)


def test_with_a_star_every_real_half_hour_counts() -> None:
    """Through the gap and through both passes: no half hour is longer or shorter than another."""
    often = Cron("*/30 * * * *", BERLIN)
    for first in ("2026-03-29 00:00", "2026-10-25 00:00"):
        half_hours = [at(first) + 1_800.0 * i for i in range(1, 9)]

        assert list(map(shown, half_hours)) == starts(often, first, 8)


def test_an_operator_reads_a_schedule_in_words() -> None:
    """With the zone, also where the file leaves it out."""
    assert "every 24h" == in_words(Every(86_400.0))
    assert "every 90m" == in_words(Every(5_400.0))
    assert "every 0.5s" == in_words(Every(0.5))
    assert "at '45 8 * * *' in UTC" == in_words(Cron("45 8 * * *"))
    assert "30s after the end of each poll" == in_words(Continuous(30.0))


def test_the_earliest_of_a_models_schedules_decides() -> None:
    """Syncs share the model's polls."""
    started, ended = at("2026-01-10 08:00"), at("2026-01-10 08:10")
    daily, cron, pause = Every(86_400.0), Cron("45 8 * * *"), Continuous(3_600.0)
    wanted: list[tuple[list[Schedule], str]] = [
        ([daily], "2026-01-11 08:00:00"),
        ([daily, pause], "2026-01-10 09:10:00"),
        ([pause, cron, daily], "2026-01-10 08:45:00"),
    ]
    for some, start in wanted:
        assert start == shown(next_poll(some, started, ended))


@given(st.lists(schedules, min_size=1, max_size=4), moments, st.floats(-1e7, 1e7))
@example([Cron("0,30 1,2,3 * * *", BERLIN)], at("2026-10-25 01:10"), 2.0)
def test_the_next_poll_is_never_before_the_end_of_the_last(
    some: Sequence[Schedule], started: float, lasted: float
) -> None:
    """Nor later than the most impatient schedule alone wants; also when the clock was set back."""
    ended = started + lasted
    alone = [next_poll([schedule], started, ended) for schedule in some]

    assert ended <= next_poll(some, started, ended) == min(alone)


@given(st.floats(1.0, 1e6), moments, st.lists(st.floats(0.0, 1.0), max_size=10))
def test_every_keeps_its_distance(
    seconds: float, started: float, durations: Sequence[float]
) -> None:
    """While polls are shorter than the interval, the n-th starts n intervals after the first."""
    now = started
    for number, share in enumerate(durations, 1):
        now = next_poll([Every(seconds)], now, now + share * seconds)

        assert now == pytest.approx(started + number * seconds, abs=1e-3)


@given(lengths, moments, st.floats(-1e7, 1e7), st.sampled_from([Every, Continuous]))
def test_a_wait_is_never_longer_than_its_interval(
    seconds: float, started: float, lasted: float, kind: type[Every | Continuous]
) -> None:
    """Also when the clock was set back by months while polling; the pace stays what it was."""
    ended = started + lasted
    first = next_poll([kind(seconds)], started, ended)

    assert first - ended <= seconds * (1 + 1e-6)
    assert next_poll([kind(seconds)], first, first) >= first + seconds * (1 - 1e-6)


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), moments, st.floats(-1e7, 0.0))
def test_a_clock_set_back_does_not_silence_cron(
    expression: str, zone: str, started: float, lasted: float
) -> None:
    """The next moment on the clock as it is now, as if the poll had just started."""
    cron, ended = Cron(expression, zone), started + lasted

    assert next_poll([cron], ended, ended) == next_poll([cron], started, ended)


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), moments)
@example("0,30 1,2,3 * * *", BERLIN, at("2026-10-25 01:10"))
@example("0,30 1,2,3 * * *", BERLIN, at("2026-03-29 00:59"))
def test_cron_moves_on(expression: str, zone: str, started: float) -> None:
    """Each poll is later than the last by more than a moment, and on a full minute."""
    cron = Cron(expression, zone)
    first = next_poll([cron], started, started)
    second = next_poll([cron], first, first)

    assert started + 1.0 < first < second
    assert (0.0, 0.0) == (first % 60.0, second % 60.0)


@given(st.sampled_from(ZONES), moments)
def test_a_daily_time_comes_once_a_day(zone: str, started: float) -> None:
    """23, 24 or 25 hours apart, whatever the zone does to its clocks."""
    daily = Cron("45 8 * * *", zone)
    first = next_poll([daily], started, started)
    second = next_poll([daily], first, first)

    assert timedelta(hours=22) < timedelta(seconds=second - first) < timedelta(hours=26)
