"""Processes that take turns are one sequence of calls: never too many, and nearly none lost."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rules.test_rate_limit import busiest
from worker.rules.rate_limit import RatePolicy, TurnLimit
from worker.rules.turns import SMALLEST_SHARE, Lane, Turns, pattern, weigh

SYNC = "people-to-iterable"
POLICY = RatePolicy(5.0)
START = 1_800_000_000.0
PERIOD = 15.0


class Process:
    """One of several, with the turns of its partitions."""

    def __init__(self, *owned: int, partitions: int = 6) -> None:
        self.turns = Turns(PERIOD)
        self.turns.has(SYNC, partitions)
        self.turns.owns(SYNC, frozenset(owned))
        self.limit = TurnLimit(POLICY, self.turns, 0.0)


def talk(processes: list[Process], lag: Mapping[int, int], wall: float) -> None:
    """Let everybody learn the lag, and read the note that one of them leaves."""
    for one in processes:
        one.turns.lags(SYNC, lag)
    [note] = [note for one in processes if (note := one.turns.note(wall))]
    for one in processes:
        one.turns.read(note, wall)


def calls(
    processes: list[Process], seconds: float, dice: random.Random, lag: Mapping[int, int]
) -> list[float]:
    """Return when calls left: each process asks as soon as it may, up to 15 ms late."""
    wakes = {i: START + dice.random() for i in range(len(processes))}
    passed: list[float] = []
    talked = START
    talk(processes, lag, START)
    while (now := min(wakes.values())) < START + seconds:
        if now - talked >= 5.0:
            talked = now
            talk(processes, lag, now)
        [i, *_] = [i for i, at in wakes.items() if at == now]
        wait = processes[i].limit.ask(now, now)
        if wait == 0.0:
            passed.append(now)
        wakes[i] = now + min(wait, 0.5) + dice.uniform(0.0001, 0.015)
    return passed


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([((0, 1, 2, 3, 4, 5),), ((0, 1), (2, 3), (4, 5)), ((0,), (1, 2, 3, 4), (5,))]),
    st.sampled_from([{}, {2: 1_000_000}, {0: 30_000, 1: 10_000, 4: 500_000}]),
)
def test_together_they_never_call_too_often(
    seed: int, owned: tuple[tuple[int, ...], ...], lag: dict[int, int]
) -> None:
    """However partitions and backlog are spread: five in no rolling second, 4.5 on average."""
    passed = calls([Process(*one) for one in owned], 60.0, random.Random(seed), lag)

    assert busiest(passed, 1.0) <= 5
    assert len(passed) <= 60 * 4.5 + 1


@pytest.mark.parametrize("lag", [{}, {2: 1_000_000}], ids=["even", "one hot partition"])
def test_nearly_every_turn_is_used(lag: dict[int, int]) -> None:
    """With three processes at work 98 % of the rate; also when one partition has everything."""
    processes = [Process(0, 1), Process(2, 3), Process(4, 5)]
    passed = calls(processes, 120.0, random.Random(5), lag)

    assert len(passed) >= 0.98 * 120 * 4.5


def test_a_hot_partition_gets_nearly_all_turns() -> None:
    """Its owner calls at 96 % of the rate and more: the others keep one turn in 24 each."""
    hot, cold = Process(2, 3), Process(0, 1, 4, 5)
    talk([hot, cold], {2: 1_000_000}, START)

    assert hot.turns.share(START + PERIOD) >= 0.96
    assert hot.turns.share(START + PERIOD) + cold.turns.share(START + PERIOD) == pytest.approx(1.0)


def test_a_killed_process_leaves_its_turns_unused() -> None:
    """Nobody calls at the turns of partitions that nobody owns."""
    processes = [Process(0, 1), Process(2, 3), Process(4, 5)]
    passed = calls(processes[:2], 60.0, random.Random(1), {})

    assert len(passed) == pytest.approx(60 * 4.5 * 2 / 3, abs=4)


def test_one_process_has_every_turn() -> None:
    """Whatever the weights: its own pace is the rate, in even steps."""
    alone = Process(*range(6))
    passed = calls([alone], 60.0, random.Random(2), {3: 50_000})

    assert len(passed) >= 0.98 * 60 * 4.5


def test_syncs_of_one_endpoint_take_turns() -> None:
    """Two syncs, each with its own process: each calls at half the rate."""
    both = Turns(PERIOD)
    both.has("a", 2)
    both.has("b", 4)
    both.owns("a", frozenset({0, 1}))

    assert both.share(START) == pytest.approx(2 / 6)


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 10**9), min_size=1))
def test_every_partition_keeps_a_turn(rows: dict[int, int]) -> None:
    """A row that comes to an idle partition waits one round at the longest."""
    weights = weigh({Lane(SYNC, n): lag for n, lag in rows.items()})
    found = pattern(weights)

    assert set(weights) == set(found)
    assert all(found.count(lane) == weight for lane, weight in weights.items())
    assert len(found) <= (SMALLEST_SHARE + 2) * len(rows)


@given(st.dictionaries(st.integers(0, 8), st.integers(1, 20), min_size=1))
def test_turns_are_spread_evenly(weights: dict[int, int]) -> None:
    """Between two turns of a lane lie no more than twice as many as its share asks for."""
    lanes = {Lane(SYNC, n): weight for n, weight in weights.items()}
    found = pattern(lanes) * 2
    for lane, weight in lanes.items():
        at = [i for i, one in enumerate(found) if one == lane]
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert max(gaps, default=0) <= 2 * len(found) / 2 / weight + len(lanes)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "nonsense",
        "[]",
        "7",
        '{"x":{}}',
        '{"120000000":[1]}',
        '{"120000000":{"a":["b"]}}',
        '{"120000000":{"a":[0]}}',
        '{"120000000":{"a":5}}',
        '{"120000000":null}',
    ],
)
def test_nonsense_beside_an_offset_changes_nothing(note: str) -> None:
    """Another tool may have committed it: turns stay even."""
    one = Process(0)
    before = one.turns.share(START)
    one.turns.read(note, START)

    assert before == one.turns.share(START)


def test_only_the_owner_of_the_first_partition_leaves_a_note() -> None:
    """Two notes would be two patterns."""
    first, second = Process(0, 1), Process(2, 3)
    assert first.turns.note(START)
    assert not second.turns.note(START)


def test_what_was_announced_holds() -> None:
    """The lag moves on, the next period's weights don't: others may have read them already."""
    writer, reader = Process(0, 1), Process(2, 3)
    writer.turns.lags(SYNC, {0: 1_000_000})
    first = writer.turns.note(START)
    reader.turns.read(first, START)
    writer.turns.lags(SYNC, {2: 1_000_000})
    again = writer.turns.note(START + 5.0)
    writer.turns.read(again, START + 5.0)

    later = START + PERIOD
    assert first == again
    assert writer.turns.share(later) > 0.9
    assert reader.turns.share(later) < 0.1


def test_a_note_that_could_not_be_committed_changes_nothing() -> None:
    """Nobody else knows it: its writer takes even turns, too."""
    writer = Process(0, 1)
    writer.turns.lags(SYNC, {0: 1_000_000})
    before = writer.turns.share(START)
    assert writer.turns.note(START)

    assert before == writer.turns.share(START + PERIOD)


def test_weights_hold_until_others_are_told() -> None:
    """Their writer died: everybody goes on as before, also who comes now and reads the old note."""
    writer, other, late = Process(0, 1), Process(2, 3), Process(2, 3)
    writer.turns.lags(SYNC, {2: 1_000_000})
    note = writer.turns.note(START)
    other.turns.read(note, START)
    much_later = START + 10 * PERIOD
    other.turns.read(note, much_later)
    late.turns.read(note, much_later)

    assert 0.9 < late.turns.share(much_later) == other.turns.share(much_later)


def test_a_partition_that_was_added_has_its_turn() -> None:
    """The note does not know it: even turns, until one does."""
    one = Process(2)
    one.turns.lags(SYNC, {})
    writer = Process(0)
    one.turns.read(writer.turns.note(START), START)
    one.turns.has(SYNC, 7)
    one.turns.owns(SYNC, frozenset({6}))

    assert one.turns.share(START + PERIOD) == pytest.approx(1 / 7)


@pytest.mark.parametrize("owned", [(0, 3), (0, 1, 2, 3, 4, 5)])
def test_a_429_leaves_out_every_second_turn(owned: tuple[int, ...]) -> None:
    """Also for one who has few turns: half as many as before."""
    turns = Process(*owned).turns
    limit = TurnLimit(RatePolicy(5.0, recovery_seconds=1e9), turns, 0.0)
    limit.throttled(0.0, 0.0)
    passed, now = 0, 0.0
    while now < 60.0:
        wait = limit.ask(now, START + now)
        passed += wait == 0.0
        now += wait or 0.001

    assert passed == pytest.approx(60 * 4.5 * len(owned) / 6 / 2, abs=2)


def test_idle_turns_are_not_saved_up() -> None:
    """After an hour of nothing one call may leave, as ever."""
    one = Process(*range(6))
    assert 0.0 == one.limit.ask(0.0, START)
    later = START + 3_600.0
    assert sum(one.limit.ask(3_600.0, later + 0.02) == 0.0 for _ in range(10)) <= 1


def test_a_clock_that_is_set_back_does_not_stop_anything() -> None:
    """An hour back: the next turn is there within a round."""
    one = Process(*range(6))
    assert 0.0 == one.limit.ask(0.0, START)
    assert one.limit.ask(1.0, START - 3_600.0) <= 1 / 4.5


@pytest.mark.parametrize("seconds", [2.0, 10.0, 30.0, 600.0])
def test_a_clock_that_is_set_back_a_little_does_not_either(seconds: float) -> None:
    """Also less than a round of turns."""
    one = Process(*range(6))
    assert 0.0 == one.limit.ask(0.0, START)
    assert one.limit.ask(1.0, START + 1.0 - seconds) <= 1 / 4.5
