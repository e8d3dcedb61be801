"""Which records a plan looks at, and what becomes of each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.ports import CallLimits, LoggedRow
from tests.unit.operate.planning import Row, events, left, logged, mirror, said
from worker.operate.plan.calls import Calls, Pace, calls_of_all
from worker.operate.plan.judge import NO_PROPERTY
from worker.rules.mapping import MappingPolicy

ANN: Row = ("1", "Ann", "[]", "30")


def named(name: str | None, identity: str = "1", age: str | None = None) -> Row:
    return (identity, name, None, age)


async def test_each_row_has_one_outcome() -> None:
    """Sent, left out, skipped or rejected: together they are the rows looked at."""
    rows = [
        logged("sent", ANN),
        logged("filtered", named("out")),
        logged("no name", named(None)),
        logged("no number", named("Ann", age="old")),
        logged("nobody", named("Ann", identity="")),
        left("left", "1"),
        logged("undecodable", ANN)._replace(value=b"\0\0\0\0\2xx"),
    ]
    found = (await said(rows)).plan

    assert {"upsert": 1} == found.sent
    assert {"filtered": 1, "deleted": 1} == found.skipped
    assert {"unmappable": 2, "invalid_identity": 1, "undecodable": 1} == found.rejected
    assert len(rows) == found.rows


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 2)), max_size=20)
)
async def test_every_key_is_looked_at_once(written: list[tuple[str, int, int]]) -> None:
    """With the newest of its versions, however they lie in the partitions."""
    newest = {key: at for key, at, _ in sorted(written, key=lambda one: one[1])}
    rows = [
        logged(key, named(f"{at}"), at, partition=partition)
        for key, at, partition in _in_order(written)
    ]
    found = await said(rows)

    assert len(newest) == found.plan.rows
    assert sorted(map(str, newest.values())) == sorted(
        entry.item.body.decode().partition('"name":"')[2][0] for entry in found.judged.entries
    )


def _in_order(written: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """As pollers write: in one partition the newer version stands behind the older one."""
    return sorted(written, key=lambda one: (one[2], one[1]))


async def test_of_more_records_the_newest_are_taken() -> None:
    """By the time of their change, over all partitions."""
    rows = [logged(f"{at}", named(f"n{at}"), at, partition=at % 3) for at in range(12)]
    found = await said(rows, limit=4)

    names = {entry.message.key for entry in found.judged.entries}
    assert {b"8", b"9", b"10", b"11"} == names


async def test_a_replaced_pollers_record_is_skipped() -> None:
    """It stands behind its successor's and is older: deliver leaves it out too."""
    rows = [logged("a", named("new"), 2, epoch=2), logged("a", named("old"), 1, epoch=1)]
    found = await said(rows)

    assert ({"upsert": 1}, {"superseded": 1}) == (found.plan.sent, found.plan.skipped)
    [entry] = found.judged.entries
    assert b'"name":"new"' in entry.item.body


async def test_a_tombstone_hides_no_delete_record() -> None:
    """The one says who left, the other clears the key away: a mirror takes him off the list."""
    rows = [logged("a", ANN, 1), left("a", "1", 2), logged("a", None, 2)]
    found = (await said(rows, mirror())).plan

    assert {"unsubscribe": 1} == found.sent
    assert {"deleted": 1} == (await said(rows)).plan.skipped


@pytest.mark.parametrize("tombstone_first", [True, False])
async def test_a_row_that_moved_to_another_partition_is_there(*, tombstone_first: bool) -> None:
    """Whichever partition is read first: its tombstone is of where it stood before."""
    rows = [logged("a", ANN, 2, partition=1), logged("a", None, 2, partition=0)]
    found = (await said(rows[::-1] if tombstone_first else rows)).plan

    assert ({"upsert": 1}, {}) == (found.sent, found.skipped)


async def test_a_mirror_unsubscribes_whom_its_filter_leaves_out() -> None:
    """Rows are counted by call; a payload of each is shown."""
    rows = [logged("a", ANN), logged("b", ANN), logged("c", named("out", "2"))]
    found = (await said(rows, mirror())).plan

    assert {"subscribe": 2, "unsubscribe": 1} == found.sent
    assert (2, 2) == (found.calls.calls, found.calls.rows)
    assert ["dataFields" in one for one in found.payloads(show_values=False)] == [True, False]


async def test_each_field_is_tried_by_itself() -> None:
    """Only on rows that the filter lets through; with the reasons why it failed."""
    rows: list[LoggedRow] = [
        logged("a", ANN),
        logged("b", named(None)),
        logged("c", named("out", age="old")),
        logged("d", named("Ann", age="old")),
        left("e", "1"),
    ]
    found = {trial.name: trial.as_json() for trial in (await said(rows)).plan.trials}

    assert [4, 0, {}] == [found["filter"][what] for what in ("tried", "null", "failed")]
    assert [3, 1, {}] == [found["name"][what] for what in ("tried", "null", "failed")]
    assert [3, 0, {}] == [found["source"][what] for what in ("tried", "null", "failed")]
    pinned = {"a value pinned to another type is not a whole number": 1}
    assert [3, 1, pinned] == [found["age"][what] for what in ("tried", "null", "failed")]
    failed = {"an expression has no result for the row": 1}
    assert [3, 0, failed] == [found["who.named"][what] for what in ("tried", "null", "failed")]


async def test_a_row_without_an_identity_has_its_reason() -> None:
    """It is none of the fields."""
    found = (await said([logged("a", (None, "Ann", None, None))])).plan
    [match] = [trial for trial in found.trials if trial.name == "match"]

    assert ({"unmappable": 1}, 1) == (found.rejected, match.failures)
    assert not found.ok


async def test_one_row_that_can_be_sent_is_enough() -> None:
    """Only when every row is rejected nothing could run."""
    bad = logged("b", named("Ann", age="old"))

    assert not (await said([bad])).plan.ok
    assert (await said([bad, logged("a", ANN)])).plan.ok
    assert (await said([bad, logged("a", named("out"))])).plan.ok


async def test_too_many_rejected_rows_are_said_to_stop_the_sync() -> None:
    """As deliver stops it, by the sync's own share: here a fifth."""
    bad, good = logged("bad", named("Ann", age="old")), [logged(key, ANN) for key in "abcd"]
    few, many = await said([bad, *good]), await said([bad, *good[1:]])

    assert (False, True) == (few.plan.stops, many.plan.stops)
    assert "max_reject_share permits (20%): the sync would stop" in many.printed()
    assert "would stop." not in few.printed()


def test_the_whole_topic_goes_in_full_calls() -> None:
    """As many rows as fit, by number or by size; at the permitted rate."""
    pace = Pace(CallLimits("", 5.0, 1_000, 3_500_000), 4.5)
    small, large = Calls(1, 50, 5_000, 0.2), Calls(1, 50, 350_000, 0.2)

    assert Calls(1_000, 1_000_000, 100_000_000, 222.2) == calls_of_all(small, 100, 2_000_000, pace)
    assert Calls(2, 1_000, 7_000_000, 0.4) == calls_of_all(large, 50, 1_000, pace)
    assert Calls(0, 0, 0, 0.0) == calls_of_all(Calls(0, 0, 0, 0.0), 50, 1_000, pace)


async def test_an_event_without_a_time_is_told_from_a_field_that_fails() -> None:
    """Its fields are all right: what is missing stands beside them."""
    mapping = MappingPolicy("ID", {"name": "NAME"}, properties={"createdAt": "AGE"})
    rows = [logged("a", named("Ann", age="2026-11-04T08:00:00Z")), logged("b", named("Ben"))]
    found = (await said(rows, events(), mapping)).plan
    [name, other] = found.trials

    assert ({"upsert": 1}, {"unmappable": 1}) == (found.sent, found.rejected)
    assert (2, 0) == (name.values, name.failures)
    assert ("properties", [NO_PROPERTY]) == (other.name, [*other.failed])
