"""A poller may end between any two steps: nothing is lost, nothing counted twice or not at all."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.records import Page
from tests.fakes_polling import COLUMNS, NOON_NS, PEOPLE, CrashError, Outside
from tests.unit.stages.polling_desk import TOPIC, Process
from worker.rules.watermark import NS, TimestampWatermark

KEYS = tuple("abcdefghij")


async def poll(outside: Outside, directory: Path, name: str = "A") -> Process:
    """Poll once as a new process does; close whatever comes of it."""
    made = await Process(outside, directory, name=name).start()
    try:
        await made.poll.poll_once()
    finally:
        made.close()
    return made


def check(outside: Outside) -> None:
    """The topic holds the newest version of every row, the ledger counts every key once."""
    newest = outside.newest()
    assert set(outside.table) == set(newest)
    assert all(name in newest[key] for key, (_, name) in outside.table.items())
    counted = [
        e.new_keys[i : i + 16] for e in outside.ledger for i in range(0, len(e.new_keys), 16)
    ]
    assert len(counted) == len(set(counted)) == len(outside.returned)
    assert len(counted) == outside.ledger[-1].used


async def steps_of_a_poll(directory: Path) -> int:
    outside = Outside()
    outside.write("one", *KEYS)
    outside.clock_ns += NS
    await poll(outside, directory)
    return outside.steps


@pytest.mark.parametrize("keeps_index", [True, False])
async def test_a_crash_at_any_step_loses_nothing(tmp_path: Path, *, keeps_index: bool) -> None:
    """For every step of a first poll: end there, start again, with the old index or without."""
    steps = await steps_of_a_poll(tmp_path)
    assert steps > 15
    for crash_at in range(1, steps + 1):
        outside = Outside()
        outside.write("one", *KEYS)
        outside.clock_ns += NS
        outside.crash_at = crash_at
        before = tmp_path / f"{crash_at}"
        with pytest.raises(CrashError):
            await poll(outside, before)
        again = before if keeps_index else tmp_path / f"{crash_at}-anew"
        await poll(outside, again, "B" if not keeps_index else "A")

        check(outside)
        # At most one chunk is published again, and none of it when the topic tells the index.
        assert list(KEYS) == outside.published()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from(KEYS), min_size=1),
            st.sampled_from(["x", "y"]),
            st.integers(0, 30),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)
async def test_changes_and_crashes_in_any_order_converge(
    tmp_path_factory: pytest.TempPathFactory,
    rounds: list[tuple[set[str], str, int, bool]],
) -> None:
    """Rows change, polls end in the middle, pollers change places: the last poll makes it good."""
    outside, path = Outside(), tmp_path_factory.mktemp("index")
    for number, (keys, name, crash_after, other) in enumerate(rounds):
        outside.write(f"{name}{number % 2}", *sorted(keys))
        outside.clock_ns += NS
        outside.crash_at = outside.steps + crash_after
        try:
            await poll(outside, path, "B" if other else "A")
        except CrashError:
            pass
        else:
            check(outside)
    outside.crash_at = -1
    outside.clock_ns += NS
    await poll(outside, path)

    check(outside)


async def test_progress_is_saved_chunk_by_chunk(tmp_path: Path) -> None:
    """After a crash late in a long window the next poll does not count from the start."""
    outside = Outside()
    for key in KEYS:
        outside.write("one", key)
    outside.clock_ns += 60 * NS
    outside.crash_at = await steps_of_a_poll(tmp_path / "count") - 1
    with pytest.raises(CrashError):
        await poll(outside, tmp_path)
    marks = [entry.watermark.value for entry in outside.ledger if entry.watermark is not None]

    assert sorted(marks) == marks
    assert len(set(marks)) >= 2


async def test_an_index_of_another_topic_is_forgotten(tmp_path: Path) -> None:
    """The topic was made anew: what the index knew of the old one must not suppress a row."""
    outside = Outside()
    outside.write("one", *KEYS)
    outside.clock_ns += NS
    await poll(outside, tmp_path)
    outside.topic.clear()
    outside.ledger.clear()
    await poll(outside, tmp_path)

    assert list(KEYS) == outside.published()


async def test_of_a_key_that_stands_twice_in_a_page_the_last_row_counts(tmp_path: Path) -> None:
    """A primary key that is none is a mistake in the model; both of its rows were queried."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    prepared = await made.publish.prepare(PEOPLE, TOPIC, COLUMNS, TimestampWatermark())
    reservation = await made.publish.reserve(prepared, NOON_NS, 10, 1)
    assert reservation is not None
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    rows = [("a", "one", noon), ("b", "one", noon), ("a", "two", noon)]
    await made.publish.add(reservation, prepared, Page(COLUMNS, rows, [NOON_NS] * 3))
    made.close()

    assert ["a", "b"] == sorted(outside.published())
    assert (3, True) == (reservation.rows_read, "two" in outside.newest()["a"])


async def test_a_row_without_a_key_stops_the_model(tmp_path: Path) -> None:
    """Nothing of its page is published."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    prepared = await made.publish.prepare(PEOPLE, TOPIC, COLUMNS, TimestampWatermark())
    reservation = await made.publish.reserve(prepared, NOON_NS, 10, 1)
    assert reservation is not None
    page = Page(COLUMNS, [("a", "x", None), (None, "x", None)], [NOON_NS] * 2)
    with pytest.raises(ConfigurationError, match="primary key ID is NULL"):
        await made.publish.add(reservation, prepared, page)
    made.close()

    assert [] == outside.topic


async def test_rows_of_one_profile_share_a_partition(tmp_path: Path) -> None:
    """Another key, the same `partition_by`: the hash is of the user, not of the row."""
    outside = Outside(replace(PEOPLE, partition_by="NAME"))
    outside.write("user-1", "a", "b")
    outside.write("user-2", "c")
    outside.clock_ns += NS
    await poll(outside, tmp_path)
    hashes = {change.key: change.partition_hash for change in outside.topic}

    assert hashes[b"a"] == hashes[b"b"] == zlib.crc32(b"user-1")
    assert hashes[b"c"] == zlib.crc32(b"user-2")


async def test_the_topic_is_read_only_for_what_others_wrote(tmp_path: Path) -> None:
    """What we published ourselves the index knows; behind a gap it reads on from the gap."""
    outside = Outside()
    outside.write("one", *KEYS)
    outside.clock_ns += NS
    await poll(outside, tmp_path)
    outside.write("two", "a")
    outside.clock_ns += NS
    await poll(outside, tmp_path)
    assert [] == outside.followed
    outside.topic.append(outside.topic[0])
    outside.epochs.append(outside.epochs[-1])
    outside.write("three", "b")
    outside.clock_ns += NS
    await poll(outside, tmp_path)

    assert [1] == outside.followed


async def test_what_others_wrote_while_we_polled_is_read_by_the_next_poll(tmp_path: Path) -> None:
    """Their record lies before ours: known up to ours, the topic would hide it for ever."""
    outside = Outside()
    outside.write("one", *KEYS)
    outside.clock_ns += NS
    await poll(outside, tmp_path)

    def somebody_writes() -> None:
        outside.topic.append(outside.topic[0])
        outside.epochs.append(outside.epochs[-1])

    outside.meanwhile.append(somebody_writes)
    for name in ("two", "three"):
        outside.write(name, "b")
        outside.clock_ns += NS
        await poll(outside, tmp_path)

    assert [2] == outside.followed
