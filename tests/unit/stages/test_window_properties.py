"""Windows over a table that lives: nothing is lost, nothing read for ever, nothing read twice.

changed    when a transaction took its time (or its number)
visible    when it committed: only then a poll can see the row, below the watermark by then
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.records import Page, Position, Survey, Window
from tests.fakes_polling import NOON_NS, PEOPLE, FakeSource, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.watermark import (
    NS,
    CounterWatermark,
    DateWatermark,
    EpochWatermark,
    TimestampWatermark,
    Watermark,
)
from worker.rules.window import WindowPolicy, advance, earlier

PEOPLE_ALWAYS = replace(PEOPLE, change_tokens=())
DAY_SECONDS = 86_400
EVENING = DAY_SECONDS - 150  # where seconds are counted from, so that midnight lies among them
OVERLAP, SETTLE = 60, 10
slow = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


# --- rows that commit late ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """A kind of watermark, and how its numbers follow from a moment in seconds."""

    kind: Watermark
    unit_seconds: int = 1
    units: int = 1

    def number(self, second: int) -> int:
        return (EVENING + second) // self.unit_seconds * self.units


SCALES = [
    Scale(TimestampWatermark(), units=NS),
    Scale(EpochWatermark(NS)),
    Scale(EpochWatermark(1_000_000), units=1_000),
    Scale(CounterWatermark()),
    Scale(DateWatermark(), unit_seconds=DAY_SECONDS),
]
POLICY = WindowPolicy(OVERLAP, SETTLE, overlap_numbers=OVERLAP)


def read(
    scale: Scale, rows: Sequence[tuple[int, int]], polls: Sequence[int], policy: WindowPolicy
) -> set[int]:
    """Poll at some seconds; return which of the rows (changed, visible) were ever read."""
    seen: set[int] = set()
    mark: Position | None = None
    for now in polls:
        start = scale.kind.start(mark, policy)
        end = scale.kind.end((EVENING + now) * NS, policy)
        for i, (changed, visible) in enumerate(rows):
            place = Position(scale.kind.text(scale.number(changed)), f"{i:03}")
            if visible > now or (end is not None and earlier(place, Position(end)) != place):
                continue
            if start is None or place == advance(start, place):
                seen.add(i)
                mark = advance(mark, place)
    return seen


def settled(seconds: int) -> int:
    """Return when a poll that comes last surely reads what was visible by then."""
    return seconds + SETTLE + DAY_SECONDS


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: str(scale.kind))
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, OVERLAP)), max_size=30),
    st.lists(st.integers(0, 400), max_size=30),
)
@example([(140, 50), (160, 0)], [170])  # one from before midnight, behind one from after it
def test_a_row_that_commits_within_the_overlap_is_never_lost(
    scale: Scale, changes: list[tuple[int, int]], polls: list[int]
) -> None:
    """Whenever it changed, whenever anybody polled, whatever was committed before it."""
    rows = [(changed, changed + delay) for changed, delay in changes]
    times = [*sorted(polls), settled(400)]

    assert set(range(len(rows))) == read(scale, rows, times, POLICY)


@pytest.mark.parametrize("scale", SCALES[:4], ids=lambda scale: str(scale.kind))
def test_a_row_that_commits_later_than_that_is_lost(scale: Scale) -> None:
    """The documented loss: the overlap must be longer than the longest transaction.

    Row 0 changed in second 100 and commits in second 300; row 1 of second 200 was read at 250.
    """
    rows = [(100, 300), (200, 200)]

    assert {1} == read(scale, rows, [250, 400, settled(400)], POLICY)
    longer = WindowPolicy(201, SETTLE, overlap_numbers=201)
    assert {0, 1} == read(scale, rows, [250, 400, settled(400)], longer)


class LateSource(FakeSource):
    """Shows a row only once its transaction has committed."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
        self.visible_ns: dict[str, int] = {}

    def _found(self, window: Window) -> list[tuple[str, str, str]]:
        now = self._outside.clock_ns
        return [row for row in super()._found(window) if self.visible_ns[row[1]] <= now]


@slow
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, OVERLAP)), min_size=1, max_size=20),
    st.lists(st.integers(0, 400), max_size=8),
    st.integers(1, 7),
)
async def test_late_rows_reach_the_topic_through_every_stage(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[int, int]],
    polls: list[int],
    max_rows: int,
) -> None:
    """The same with everything in between: each row once, in statements of any size."""
    outside = Outside(PEOPLE_ALWAYS)
    source = LateSource(outside)
    for i, (changed, delay) in enumerate(changes):
        outside.table[f"{i:02}"] = (NOON_NS + changed * NS, "x")
        source.visible_ns[f"{i:02}"] = NOON_NS + (changed + delay) * NS
    window = replace(POLICY, max_rows=max_rows, commit_rows=3)
    path = tmp_path_factory.mktemp("late")
    made = await Process(outside, path, window=window, source=source).start()
    for second in [*sorted(polls), settled(400)]:
        outside.clock_ns = NOON_NS + second * NS
        await made.poll.poll_once()
    made.close()

    assert sorted(outside.table) == sorted(outside.published())


# --- rows that change while they are read -------------------------------------------------------


class RestlessSource(FakeSource):
    """Changes rows between one statement and the next, and between survey and statement."""

    def __init__(self, outside: Outside, updates: list[set[str]]) -> None:
        super().__init__(outside)
        self.updates = updates

    async def survey(self, window: Window) -> Survey:
        survey = await super().survey(window)
        self._update()
        return survey

    async def read(self, window: Window) -> AsyncIterator[Page]:
        async for page in super().read(window):
            yield page
        self._update()

    def _update(self) -> None:
        if self.updates:
            self._outside.write(f"v{len(self.updates)}", *sorted(self.updates.pop()))


key_sets = st.sets(st.sampled_from("abcdefghijkl"), min_size=1)


@slow
@given(key_sets, st.lists(key_sets, max_size=12), st.integers(1, 5), st.integers(1, 3))
async def test_rows_that_change_while_they_are_read_arrive_as_they_are_at_last(
    tmp_path_factory: pytest.TempPathFactory,
    first: set[str],
    updates: list[set[str]],
    max_rows: int,
    page_rows: int,
) -> None:
    """A row that moves behind the window is read by the next poll, never twice by one."""
    outside = Outside(PEOPLE_ALWAYS)
    outside.write("v0", *sorted(first))
    source = RestlessSource(outside, updates)
    window = WindowPolicy(0.0, 0.0, max_rows=max_rows, commit_rows=3)
    path = tmp_path_factory.mktemp("restless")
    made = await Process(outside, path, window=window, source=source, page_rows=page_rows).start()
    while updates:
        before = len(outside.topic)
        outside.clock_ns += NS
        await made.poll.poll_once()
        keys = [change.key for change in outside.topic[before:]]
        assert len(keys) == len(set(keys))
    outside.clock_ns += NS
    await made.poll.poll_once()
    made.close()

    newest = outside.newest()
    assert set(outside.table) == set(newest)
    assert all(name in newest[key] for key, (_, name) in outside.table.items())


# --- nanoseconds --------------------------------------------------------------------------------


async def test_a_row_is_neither_read_for_ever_nor_skipped_by_its_nanoseconds(
    tmp_path: Path,
) -> None:
    """Rounded down to microseconds ...789 ns would be read again by every poll, rounded up lost."""
    outside = Outside(PEOPLE_ALWAYS)
    base = NOON_NS + 123_456_000
    outside.table = {"a": (base + 789, "one"), "b": (base + 790, "one")}
    outside.clock_ns = base + 790
    made = await Process(outside, tmp_path, window=WindowPolicy(0.0, 0.0)).start()
    await made.poll.poll_once()
    await made.poll.poll_once()
    assert (["a"], 1) == (outside.published(), made.meter.read)
    outside.clock_ns = base + 791
    await made.poll.poll_once()
    await made.poll.poll_once()
    made.close()

    assert (["a", "b"], 2) == (outside.published(), made.meter.read)


@slow
@given(
    st.lists(st.integers(0, 3_000), min_size=1, max_size=25),
    st.lists(st.integers(0, 3_000), max_size=5),
    st.integers(1, 7),
)
async def test_within_one_microsecond_each_row_is_read_exactly_once(
    tmp_path_factory: pytest.TempPathFactory,
    changed_ns: list[int],
    polls_ns: list[int],
    max_rows: int,
) -> None:
    """Without an overlap, in statements of any size, wherever a poll ends."""
    outside = Outside(PEOPLE_ALWAYS)
    outside.table = {f"{i:02}": (NOON_NS + ns, "x") for i, ns in enumerate(changed_ns)}
    window = WindowPolicy(0.0, 0.0, max_rows=max_rows, commit_rows=3)
    path = tmp_path_factory.mktemp("nanoseconds")
    made = await Process(outside, path, window=window).start()
    for ns in [*sorted(polls_ns), 3_001, 3_002]:
        outside.clock_ns = NOON_NS + ns
        await made.poll.poll_once()
    made.close()

    assert len(changed_ns) == made.meter.read == made.meter.published
    assert sorted(outside.table) == sorted(outside.published())
