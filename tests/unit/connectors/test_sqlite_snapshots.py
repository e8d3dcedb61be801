"""A snapshot waits on disk, is compared with the index, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.ports import KnownRow, SeenRow
from connectors.records import Change, SnapshotCounts
from connectors.sqlite.index import SqliteIndex
from connectors.sqlite.snapshots import SqliteSnapshots, file_of

TOPIC = "hightide.model.people"
CANARY = b"canary@example.com"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    opened = SqliteIndex(tmp_path / "index.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def snapshots(index: SqliteIndex) -> Iterator[SqliteSnapshots]:
    made = SqliteSnapshots(index)
    yield made
    made.end("people")
    made.end("teams")


def know(index: SqliteIndex, *rows: KnownRow, model: str = "people") -> None:
    index.remember(model, rows, TOPIC, {0: 1}, {0: 1})


def seen(key: bytes, row_hash: bytes = b"", *blanked: str) -> SeenRow:
    if not row_hash:
        return SeenRow(key)
    change = Change(key, b"value of " + key, 7, row_hash, 99)
    return SeenRow(key, change, b"delete of " + key, b"filled", blanked)


def test_a_comparison_counts_what_is_new_changed_deleted_and_blanked(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """Of this model alone, and the shares are of what is known."""
    know(index, *(KnownRow(key, b"1") for key in (b"a", b"b", b"c", b"d")))
    know(index, KnownRow(b"z", b"1"), model="teams")
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a"), seen(b"b", b"2", "CITY", "ZIP")])
    snapshots.add("people", [seen(b"c", b"2", "CITY"), seen(b"e", b"1")])

    counts = SnapshotCounts(4, new=1, changed=2, deleted=1, blanked={"CITY": 2, "ZIP": 1})
    assert counts == snapshots.counts("people")
    assert [b"d"] == [row.key for row in snapshots.gone("people", None, 9)]


def test_a_key_whose_row_is_somebody_elses_now_is_renamed(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """By its delete record; what had none, is new, or is not to be published is not."""
    know(index, KnownRow(b"a", b"1", 3, b"delete of somebody else"), KnownRow(b"b", b"1"))
    know(index, KnownRow(b"c", b"1", 0, b"delete of c"), KnownRow(b"d", b"1", 0, b"delete of x"))
    know(index, KnownRow(b"e", b"1", 0, b"delete of x"), model="teams")
    snapshots.begin("people")
    snapshots.add("people", [seen(key, b"2") for key in (b"a", b"b", b"c", b"e")])
    snapshots.add("people", [seen(b"d")])

    found = [KnownRow(b"a", b"1", 3, b"delete of somebody else")]
    assert found == snapshots.renamed("people", None, 9)
    assert [] == snapshots.renamed("people", b"a", 9)


def test_staged_rows_come_back_whole_in_chunks_by_key(snapshots: SqliteSnapshots) -> None:
    """Also the empty key, and a chunk of one."""
    rows = [seen(key, b"1") for key in (b"b", b"", b"c", b"a\xff", b"a")]
    snapshots.begin("people")
    snapshots.add("people", rows)
    found: list[SeenRow] = []
    while chunk := snapshots.staged("people", found[-1].key if found else None, 1):
        found += chunk

    assert sorted(rows, key=lambda row: row.key) == found


def test_rows_that_left_come_with_what_removes_them(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """In chunks by key, from the empty one on; those without a tombstone among them."""
    rows = [KnownRow(b"", b"1", 3, b"delete", b"f"), KnownRow(b"a", b"", 4, b"again")]
    know(index, *rows, KnownRow(b"b", b"1"))
    snapshots.begin("people")
    snapshots.add("people", [seen(b"b")])

    assert rows[:1] == snapshots.gone("people", None, 1)
    assert rows[1:] == snapshots.gone("people", b"", 1)
    assert [] == snapshots.gone("people", b"a", 1)


def test_a_delete_without_its_tombstone_is_neither_known_nor_deleted(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """It left before: back again it is new, else every guard could be passed by no snapshot."""
    know(index, KnownRow(b"a", b""), KnownRow(b"b", b""), KnownRow(b"c", b"1"))
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a", b"1"), seen(b"c")])

    assert SnapshotCounts(1, new=1) == snapshots.counts("people")


def test_the_last_row_of_a_key_counts(snapshots: SqliteSnapshots) -> None:
    """Changed and then not: nothing is published of it."""
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a", b"1"), seen(b"b", b"1")])
    snapshots.add("people", [seen(b"a"), seen(b"b", b"2")])

    assert [seen(b"b", b"2")] == snapshots.staged("people", None, 9)


def test_a_column_is_blanked_in_no_more_rows_than_there_are(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """A key twice blanks twice; a guard wide open still lets it pass."""
    know(index, KnownRow(b"a", b"1"))
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a", b"2", "CITY")])
    snapshots.add("people", [seen(b"a", b"2", "CITY")])

    assert {"CITY": 1} == snapshots.counts("people").blanked


def test_two_models_wait_side_by_side(index: SqliteIndex, snapshots: SqliteSnapshots) -> None:
    """The end of one leaves the other."""
    know(index, KnownRow(b"x", b"1"), model="teams")
    for model in ("people", "teams"):
        snapshots.begin(model)
        snapshots.add(model, [seen(b"a", b"1")])
    snapshots.end("people")

    assert SnapshotCounts(1, new=1, deleted=1) == snapshots.counts("teams")


def test_a_snapshot_begins_with_nothing_seen(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """Whatever an earlier one left."""
    know(index, KnownRow(b"a", b"1"))
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a", b"2", "CITY")])
    snapshots.begin("people")

    assert SnapshotCounts(1, deleted=1) == snapshots.counts("people")


def test_after_its_end_a_snapshot_holds_no_row(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """Its file has no name any more: while it was open, the rows would fill the disk unseen."""
    know(index, KnownRow(b"a", b"1"))
    snapshots.begin("people")
    snapshots.add("people", [seen(b"a", b"2")])
    snapshots.end("people")

    with pytest.raises(KeyError):
        snapshots.staged("people", None, 9)


def test_no_file_ever_shows_a_staged_row(
    tmp_path: Path, index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """While it waits, after its end, and after a process that was killed meanwhile."""

    def shown() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if CANARY in path.read_bytes()]

    rows = [
        SeenRow(b"%05d" % i, Change(b"%05d" % i, CANARY * 20, 0, b"h" * 16, 0))
        for i in range(5_000)
    ]
    snapshots.begin("people")
    snapshots.add("people", rows)
    assert [] == shown()
    know(index, KnownRow(b"a", b"1"))
    files = {path.name for path in tmp_path.iterdir()}
    snapshots.end("people")

    assert [] == shown()
    assert {"index.sqlite", "index.sqlite-wal", "index.sqlite-shm"} == files


def test_a_file_left_by_a_kill_in_its_first_moment_is_replaced(
    tmp_path: Path, snapshots: SqliteSnapshots
) -> None:
    """Made but not yet nameless: the next snapshot of the model removes it."""
    left = file_of("people", tmp_path / "index.sqlite")
    left.write_bytes(CANARY)
    snapshots.begin("people")

    assert tmp_path == left.parent
    assert not left.exists()


def test_a_full_disk_is_one_sentence_and_the_index_stays(
    index: SqliteIndex, snapshots: SqliteSnapshots
) -> None:
    """A snapshot needs room for what changed; without it nothing is lost."""
    know(index, KnownRow(b"a", b"1"))
    snapshots.begin("people")
    snapshots._files["people"].execute("PRAGMA max_page_count = 12")
    with pytest.raises(ConfigurationError, match=r"no space left .* HIGHTIDE_STATE_DIR"):
        snapshots.add("people", [seen(b"%09d" % i, b"1") for i in range(5_000)])
    snapshots.end("people")

    assert [False] == index.changed("people", [b"a"], [b"1"])


def test_what_a_row_fills_is_said_by_key(index: SqliteIndex, snapshots: SqliteSnapshots) -> None:
    """In the order that was asked for; empty for a key nobody knows."""
    know(index, KnownRow(b"a", b"1", filled=b"A"), KnownRow(b"b", b"1", filled=b"B"))

    assert [b"B", b"", b"A"] == snapshots.filled("people", [b"b", b"x", b"a"])


hashes = st.sampled_from([b"", b"1", b"2"])
keys = st.sampled_from([b"", b"a", b"b", b"c", b"ab"])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(st.dictionaries(keys, hashes), st.lists(st.tuples(keys, hashes), max_size=8))
def test_a_comparison_says_what_sets_say(
    tmp_path_factory: pytest.TempPathFactory,
    known: dict[bytes, bytes],
    pages: list[tuple[bytes, bytes]],
) -> None:
    """For any rows known and any rows seen, one page a row."""
    index = SqliteIndex(tmp_path_factory.mktemp("index") / "i.sqlite")
    snapshots = SqliteSnapshots(index)
    know(index, *(KnownRow(key, row_hash) for key, row_hash in known.items()))
    snapshots.begin("people")
    for key, row_hash in pages:
        snapshots.add("people", [seen(key, row_hash)])
    there = {key for key, row_hash in known.items() if row_hash}
    changed = {key for key, row_hash in dict(pages).items() if row_hash}
    met = {key for key, _ in pages}

    counts = snapshots.counts("people")
    assert (
        SnapshotCounts(len(there), len(changed - there), len(changed & there), len(there - met))
        == counts
    )
    assert sorted(changed) == [row.key for row in snapshots.staged("people", None, 9)]
    assert sorted({*known} - met) == [row.key for row in snapshots.gone("people", None, 9)]
    snapshots.end("people")
    index.close()
