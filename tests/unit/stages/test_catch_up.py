"""The index follows the topic: what a replaced poller wrote last is in doubt until read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import RetryableError
from connectors.ports import KnownRow
from connectors.records import Change
from connectors.sqlite.index import SqliteIndex
from tests.fakes_polling import NOON_NS, PEOPLE, FakeModelLog, FakeSchemas, Outside
from tests.polling_meter import PollingMeter
from tests.unit.stages.polling_desk import TOPIC, Process
from tests.unit.stages.snapshot_desk import WHOLE, folded, model_rows, people, taken
from worker.rules.watermark import NS
from worker.stages import catch_up
from worker.stages.catch_up import CatchUpStage

LATER = 3_600 * NS
NOBODY = -1  # the fake log's word for a record without an epoch


def wrote(outside: Outside, epoch: int, key: str, row_hash: bytes, at_ns: int = NOON_NS) -> None:
    """Put a record into the topic as a poller of that epoch does."""
    outside.topic.append(Change(key.encode(), b"a row", 0, row_hash, at_ns))
    outside.epochs.append(epoch)


async def followed(outside: Outside, index: SqliteIndex, meter: PollingMeter | None = None) -> None:
    """Bring the index up to date with the topic."""
    log, schemas = FakeModelLog(outside), FakeSchemas(outside)
    stage = CatchUpStage(log, index, schemas, meter=meter or PollingMeter())
    await stage.follow(outside.model, TOPIC)


def unchanged(index: SqliteIndex, **rows: bytes) -> set[str]:
    """Return the keys that the index knows with that hash."""
    found = index.changed("people", [key.encode() for key in rows], list(rows.values()))
    return {key for key, changed in zip(rows, found, strict=True) if not changed}


def stored(path: Path) -> list[Sequence[object]]:
    """Return everything an index file holds of its rows."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT * FROM row ORDER BY key").fetchall()
    db.close()
    return rows


@pytest.fixture
def index(tmp_path: Path) -> SqliteIndex:
    return SqliteIndex(tmp_path / "index.sqlite")


async def test_a_lower_epoch_behind_a_higher_puts_its_key_in_doubt(index: SqliteIndex) -> None:
    """Of that key nothing is known; the others are as they were."""
    outside, meter = Outside(), PollingMeter()
    wrote(outside, 3, "a", b"1")
    wrote(outside, 3, "b", b"1")
    wrote(outside, 4, "b", b"2")
    wrote(outside, 3, "a", b"0", NOON_NS - 5)
    await followed(outside, index, meter)

    assert {"b"} == unchanged(index, a=b"1", b=b"2") | unchanged(index, a=b"0")
    assert (NOON_NS - 5, 1) == (index.doubted_since_ns("people"), meter.superseded_rows)
    index.close()


async def test_a_lower_epoch_is_known_as_such_at_the_next_follow(index: SqliteIndex) -> None:
    """The epochs seen are kept with the offsets."""
    outside = Outside()
    wrote(outside, 4, "a", b"2")
    await followed(outside, index)
    wrote(outside, 3, "a", b"1")
    await followed(outside, index)

    assert set() == unchanged(index, a=b"1")
    assert index.doubted_since_ns("people") is not None
    index.close()


async def test_a_long_topic_is_written_in_portions(
    index: SqliteIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds a portion; a reader that breaks off goes on where the last one ended."""
    monkeypatch.setattr(catch_up, "GATHERED_ROWS", 4)
    outside = Outside()
    outside.log_rows = 3
    for number in range(20):
        wrote(outside, 1, f"{number % 13}", b"%d" % number)
    outside.log_fails_at = 17
    with pytest.raises(RetryableError):
        await followed(outside, index)
    assert {0: 12} == index.next_offsets(TOPIC)
    outside.log_fails_at = -1
    await followed(outside, index)

    newest = {f"{number % 13}": b"%d" % number for number in range(20)}
    assert {*newest} == {key for key, value in newest.items() if unchanged(index, **{key: value})}
    index.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_later_record_of_the_owner_ends_the_doubt(
    index: SqliteIndex, *, at_once: bool
) -> None:
    """On the same page or on a later one."""
    outside = Outside()
    wrote(outside, 4, "a", b"2")
    wrote(outside, 3, "a", b"1")
    if not at_once:
        await followed(outside, index)
    wrote(outside, 4, "a", b"3")
    await followed(outside, index)

    assert {"a"} == unchanged(index, a=b"3")
    assert index.doubted_since_ns("people") is None
    index.close()


async def test_partitions_have_epochs_of_their_own(index: SqliteIndex) -> None:
    """A poller may have written to one of them only."""
    outside = Outside()
    outside.partitions = 2
    for epoch, key, partition in ((4, "a", 0), (3, "b", 1)):
        outside.topic.append(Change(key.encode(), b"a row", partition, b"1", NOON_NS))
        outside.epochs.append(epoch)
    await followed(outside, index)

    assert {"a", "b"} == unchanged(index, a=b"1", b=b"1")
    index.close()


async def test_a_poll_reads_again_from_the_oldest_doubt_and_publishes(tmp_path: Path) -> None:
    """An old version stands last in the topic: the newest follows it, and then the doubt is over.

    Its change lies far below the overlap, so no other poll would read it.
    """
    outside = Outside()
    outside.write("old", "a")
    outside.clock_ns += LATER
    outside.write("new", *"bcdefg")
    outside.clock_ns += LATER
    made = await Process(outside, tmp_path).start()
    await made.poll.poll_once()
    made.close()
    outside.topic.append(another_version(outside.topic[0]))
    outside.epochs.append(0)
    outside.write("one", "h")
    outside.clock_ns += LATER
    sent = len(outside.topic)
    again = await Process(outside, tmp_path).start()
    await again.poll.poll_once()

    assert ["a", "h"] == outside.published()[sent:]
    assert b"old" in (outside.topic[sent].value or b"")
    assert again.index.doubted_since_ns("people") is None
    again.close()


def another_version(change: Change) -> Change:
    """Return another version of the same row."""
    return change._replace(value=(change.value or b"").replace(b"old", b"odd"), row_hash=b"x" * 16)


async def test_a_doubted_row_that_left_is_given_up_after_a_whole_read(tmp_path: Path) -> None:
    """It is nowhere to be read: without an end every poll would start from there."""
    outside = Outside()
    outside.write("one", *"abc")
    outside.clock_ns += LATER
    made = await Process(outside, tmp_path).start()
    await made.poll.poll_once()
    made.close()
    outside.topic.append(another_version(outside.topic[0]))
    outside.epochs.append(0)
    del outside.table["a"]
    outside.write("two", "b")
    outside.clock_ns += LATER
    again = await Process(outside, tmp_path).start()
    await again.poll.poll_once()

    assert again.index.doubted_since_ns("people") is None
    again.close()


@pytest.mark.parametrize("in_model", [True, False])
async def test_in_a_snapshot_a_replaced_pollers_record_is_corrected_or_removed(
    tmp_path: Path, *, in_model: bool
) -> None:
    """Its row as the model has it follows; did the row leave, its delete and tombstone do."""
    outside = people(*"abcdef")
    await taken(outside, tmp_path)
    zombie = outside.topic[2]
    if not in_model:
        del outside.table["c"]
        await taken(outside, tmp_path)
    outside.write("two", "a")
    await taken(outside, tmp_path, name="B")
    outside.topic.append(zombie)
    outside.epochs.append(0)
    assert "c" in folded(outside)
    await taken(outside, tmp_path, name="B")

    assert model_rows(outside) == folded(outside)
    # Readers pass over a lower epoch: the row of a higher one stands there, equal or not.
    last = max(i for i, one in enumerate(outside.topic) if one.key == b"c")
    assert outside.epochs[last] == max(outside.epochs)


async def test_an_index_built_from_the_topic_holds_the_same(tmp_path: Path) -> None:
    """Hashes, partitions, delete records and filled columns; nothing of what was removed."""
    outside = people(*"abcdef")
    await taken(outside, tmp_path)
    outside.write("two", "a", "g")
    del outside.table["c"]
    await taken(outside, tmp_path)
    outside.write("three", "g")
    del outside.table["d"]
    await taken(outside, tmp_path)
    anew = SqliteIndex(tmp_path / "anew.sqlite")
    await followed(outside, anew)
    anew.close()

    rows = stored(tmp_path / "index-A.sqlite")
    assert 5 == len(rows)
    assert rows == stored(tmp_path / "anew.sqlite")


async def test_records_somebody_else_wrote_stop_nothing(index: SqliteIndex) -> None:
    """Without a frame, of an unknown schema, too short for theirs: rows to remove all the same."""
    outside = people("a")
    outside.schemas |= {5: "no schema", 6: '{"type": "string"}'}
    frames = [b"", b"garbage", b"\0\0\0\0\5x", b"\0\0\0\0\6x", b"\0\0\0\0\x63x"]
    for number, value in enumerate(frames):
        outside.topic.append(Change(b"%d" % number, value, 0, b"1", NOON_NS))
        outside.epochs.append(1)
    await followed(outside, index)

    assert {*"01234"} == {key for n in range(5) for key in unchanged(index, **{str(n): b"1"})}
    index.close()


async def test_what_no_poller_wrote_is_not_what_the_model_says(index: SqliteIndex) -> None:
    """It bears no epoch: its key is unknown until the model returns it, and nothing is in doubt."""
    outside = people("a")
    wrote(outside, 4, "a", b"1")
    wrote(outside, NOBODY, "a", b"1")
    wrote(outside, NOBODY, "b", b"1")
    await followed(outside, index)

    assert set() == unchanged(index, a=b"1", b=b"1")
    assert index.doubted_since_ns("people") is None
    assert {0: 4} == index.epochs(TOPIC)
    index.close()


async def test_a_topic_made_anew_is_read_from_its_start(index: SqliteIndex) -> None:
    """Its epochs too: those of its earlier life put nothing in doubt."""
    outside = Outside()
    wrote(outside, 7, "a", b"1")
    wrote(outside, 7, "b", b"1")
    await followed(outside, index)
    outside.topic.clear()
    outside.epochs.clear()
    wrote(outside, 1, "c", b"1")
    await followed(outside, index)

    assert {"c"} == unchanged(index, a=b"1", b=b"1", c=b"1")
    assert index.doubted_since_ns("people") is None
    index.close()


async def test_rows_kept_for_other_delete_records_are_learnt_anew(index: SqliteIndex) -> None:
    """A sync newly matches by another column, or the model was read by its watermark before."""
    outside = people("a")
    wrote(outside, 1, "a", b"1")
    await followed(outside, index)
    await followed(outside, index)
    assert [1] == outside.followed
    outside.model = replace(WHOLE, identity_columns=frozenset({"NAME"}))
    await followed(outside, index)
    outside.model = PEOPLE
    await followed(outside, index)

    assert [1, 1, 1] == outside.followed
    index.close()


records = st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from([b"1", b"2"]))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(st.lists(records, max_size=12), st.lists(st.integers(0, 12), max_size=4))
async def test_what_is_known_does_not_depend_on_when_it_was_read(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[str, int, bytes]],
    stops: list[int],
) -> None:
    """The same topic in any portions: a key is known by its last record, or in doubt by it."""
    index = SqliteIndex(tmp_path_factory.mktemp("index") / "i.sqlite")
    outside = Outside()
    expected: dict[str, bytes | None] = {}
    highest = 0
    for number, (key, epoch, row_hash) in enumerate(written):
        wrote(outside, epoch, key, row_hash)
        expected[key] = row_hash if epoch >= highest else None
        highest = max(highest, epoch)
        if number in stops:
            await followed(outside, index)
    await followed(outside, index)

    for key in "abc":
        for row_hash in (b"1", b"2"):
            assert (expected.get(key) == row_hash) == bool(unchanged(index, **{key: row_hash}))
    assert (None in expected.values()) == (index.doubted_since_ns("people") is not None)
    index.close()


def test_doubt_of_one_model_is_not_anothers(index: SqliteIndex) -> None:
    """The same key in two models; forgetting a model ends its doubt."""
    for model in ("people", "teams"):
        index.remember(model, [KnownRow(b"a", b"1")], model, {0: 1}, {0: 1})
    index.doubt("people", {b"a": 7, b"b": 9})
    assert (7, None) == (index.doubted_since_ns("people"), index.doubted_since_ns("teams"))
    index.remember("people", [KnownRow(b"a", b"2")], "people", {0: 2}, {0: 1})
    assert 9 == index.doubted_since_ns("people")
    index.forget("people", "people")

    assert index.doubted_since_ns("people") is None
    assert [False] == index.changed("teams", [b"a"], [b"1"])
    index.close()
