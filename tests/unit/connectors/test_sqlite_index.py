"""The index is behind or right, never wrong; what can't be read is built anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.ports import KnownRow
from connectors.sqlite.index import SqliteIndex

TOPIC = "hightide.model.people"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "index.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[SqliteIndex]:
    opened = SqliteIndex(path)
    yield opened
    opened.close()


def know(index: SqliteIndex, offset: int, **rows: bytes | None) -> None:
    known = [KnownRow(key.encode(), row_hash) for key, row_hash in rows.items()]
    index.remember("people", known, TOPIC, {0: offset}, {0: 1})


def changed(index: SqliteIndex, **rows: bytes) -> list[bool]:
    return index.changed("people", [k.encode() for k in rows], list(rows.values()))


def test_only_new_and_changed_rows_are_changed(index: SqliteIndex) -> None:
    """Known with this hash: no. Known with another, unknown, or deleted since: yes."""
    know(index, 3, a=b"1", b=b"1", c=b"1")
    know(index, 5, b=b"2", c=None)

    assert [False, True, True, True] == changed(index, a=b"1", b=b"1", c=b"1", d=b"1")
    assert {0: 5} == index.next_offsets(TOPIC)


def test_models_do_not_know_each_others_rows(index: SqliteIndex) -> None:
    """The same key in two models is two rows; forgetting one leaves the other."""
    know(index, 3, a=b"1")
    index.remember("teams", [KnownRow(b"a", b"1")], "other", {0: 1}, {0: 1})
    index.forget("people", TOPIC)

    assert ([True], {}) == (changed(index, a=b"1"), index.next_offsets(TOPIC))
    assert ([False], {0: 1}) == (
        index.changed("teams", [b"a"], [b"1"]),
        index.next_offsets("other"),
    )


def test_the_last_word_on_a_key_counts(index: SqliteIndex) -> None:
    """Deleted and there again within one page, and the other way round."""
    rows = [KnownRow(b"a", b"1"), KnownRow(b"a", None), KnownRow(b"b", None), KnownRow(b"b", b"2")]
    index.remember("people", rows, TOPIC, {0: 4}, {0: 1})

    assert [True, False] == changed(index, a=b"1", b=b"2")


def test_keys_count_once_a_period(index: SqliteIndex) -> None:
    """Twice in one page, again in the next, and anew in another period."""
    a, b, c = b"a" * 16, b"b" * 16, b"c" * 16
    assert [a, b] == index.new_keys("2026-11-01", [a, b, a])
    index.count_keys("2026-11-01", a + b, "ledger", 7)
    index.count_keys("2026-11-01", b + c, "ledger", 8)

    assert (3, 0) == (index.counted("2026-11-01"), index.counted("2026-12-01"))
    assert ([], [a]) == (
        index.new_keys("2026-11-01", [a, b, c]),
        index.new_keys("2026-12-01", [a]),
    )
    assert {0: 8} == index.next_offsets("ledger")


def test_an_epoch_is_known_with_its_offset(index: SqliteIndex) -> None:
    """By partition, the newest one; it is forgotten with the topic."""
    index.remember("people", [], TOPIC, {0: 3, 1: 5}, {0: 1, 1: 2})
    index.remember("people", [], TOPIC, {1: 6}, {1: 4})
    assert ({0: 1, 1: 4}, {0: 3, 1: 6}) == (index.epochs(TOPIC), index.next_offsets(TOPIC))
    index.forget("people", TOPIC)

    assert ({}, {}) == (index.epochs(TOPIC), index.next_offsets("ledger"))


def test_a_key_in_doubt_is_changed_until_it_is_known_anew(index: SqliteIndex) -> None:
    """Whatever its hash; the earliest change time among such keys says where to read from."""
    know(index, 3, a=b"1", b=b"1", c=b"1")
    index.doubt("people", {b"a": 50, b"b": 20})
    assert [True, True, False] == changed(index, a=b"1", b=b"1", c=b"1")
    assert (20, None) == (index.doubted_since_ns("people"), index.doubted_since_ns("teams"))
    know(index, 4, b=b"1")
    assert 50 == index.doubted_since_ns("people")
    know(index, 5, a=b"1")

    assert None is index.doubted_since_ns("people")
    assert [False, False] == changed(index, a=b"1", b=b"1")


@pytest.mark.parametrize("end", ["given up", "forgotten"])
def test_doubt_ends_with_a_read_that_did_not_find_the_key(index: SqliteIndex, end: str) -> None:
    """Or with everything that is known of the model; another model's doubts stay."""
    index.doubt("people", {b"a": 50})
    index.doubt("teams", {b"a": 60})
    if end == "given up":
        index.end_doubt("people")
    else:
        index.forget("people", TOPIC)

    assert (None, 60) == (index.doubted_since_ns("people"), index.doubted_since_ns("teams"))


def test_what_was_stored_is_there_after_a_restart(path: Path) -> None:
    """Closed and opened again, by the same format."""
    first = SqliteIndex(path)
    know(first, 3, a=b"1")
    first.close()
    second = SqliteIndex(path)

    assert ([False], {0: 3}) == (changed(second, a=b"1"), second.next_offsets(TOPIC))
    second.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 99])
def test_a_damaged_file_is_built_anew(path: Path, content: bytes) -> None:
    """The topics know everything: the index starts empty and is read from the start."""
    path.parent.mkdir()
    path.write_bytes(content)
    index = SqliteIndex(path)

    assert ({}, [True]) == (index.next_offsets(TOPIC), changed(index, a=b"1"))
    index.close()


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 99", "CREATE TABLE row (x)"])
def test_another_format_is_built_anew(path: Path, statement: str) -> None:
    """A newer format, or a file that was never finished."""
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute(statement)
    other.close()
    index = SqliteIndex(path)
    know(index, 3, a=b"1")

    assert [False] == changed(index, a=b"1")
    index.close()


def test_damage_found_later_costs_one_start(path: Path) -> None:
    """A page in the middle: the process ends, and the next start builds the index anew."""
    index = SqliteIndex(path)
    keys = [b"%05d" % i for i in range(9_000)]
    index.remember("people", [KnownRow(key, b"h" * 16) for key in keys], TOPIC, {0: 1}, {0: 1})
    index.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    again = SqliteIndex(path)
    with pytest.raises(sqlite3.DatabaseError):
        again.changed("people", keys, [b"h" * 16] * 9_000)
    again.close()
    anew = SqliteIndex(path)

    assert ({}, 0) == (anew.next_offsets(TOPIC), anew.counted("2026-11-01"))
    anew.close()


def test_rows_and_offsets_are_stored_together_or_not_at_all(index: SqliteIndex) -> None:
    """A write that fails in its last step leaves the rows out too: behind, but not wrong."""
    know(index, 3, a=b"1")
    broken = {0: 9, "not a number": None}
    with pytest.raises(sqlite3.IntegrityError):
        index.remember("people", [KnownRow(b"a", b"2")], TOPIC, broken, {})  # type: ignore[arg-type]

    assert ([False], {0: 3}) == (changed(index, a=b"1"), index.next_offsets(TOPIC))


def test_a_full_disk_is_one_sentence_and_loses_nothing(index: SqliteIndex) -> None:
    """Where, what to do, and what was stored before is still there."""
    know(index, 3, a=b"1")
    index._db.execute("PRAGMA max_page_count = 12")
    many = [KnownRow(b"%09d" % i, b"h" * 16) for i in range(5_000)]
    with pytest.raises(ConfigurationError, match=r"no space left .* HIGHTIDE_STATE_DIR"):
        index.remember("people", many, TOPIC, {0: 5_003}, {0: 1})

    assert ([False], {0: 3}) == (changed(index, a=b"1"), index.next_offsets(TOPIC))


def test_a_directory_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="HIGHTIDE_STATE_DIR"):
        SqliteIndex(tmp_path / "file" / "index.sqlite")


hashes = st.none() | st.sampled_from([b"1", b"2"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), hashes, max_size=3), max_size=8))
def test_the_index_says_what_the_topic_says(
    tmp_path_factory: pytest.TempPathFactory, pages: list[dict[str, bytes | None]]
) -> None:
    """After any pages: a row is unchanged exactly if its newest hash is that one."""
    index = SqliteIndex(tmp_path_factory.mktemp("index") / "i.sqlite")
    newest: dict[str, bytes | None] = {}
    for offset, page in enumerate(pages):
        know(index, offset, **page)
        newest |= page

    for key in "abc":
        for row_hash in (b"1", b"2"):
            assert [newest.get(key) != row_hash] == changed(index, **{key: row_hash})
    index.close()
