"""SqliteIndex over years and on bad ground: it stays small, and says what is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.sqlite.index import SqliteIndex

PERIODS = [f"{year}-{month:02d}-01" for year in (2026, 2027) for month in range(1, 13)]
KEYS = b"".join(b"%016d" % n for n in range(50))


def count(index: SqliteIndex, first: int = 0) -> None:
    """Count 50 keys in each period, as reading the whole ledger does."""
    for offset, period in enumerate(PERIODS[first:], first + 1):
        index.count_keys(period, KEYS, "ledger", offset)


def kept(index: SqliteIndex) -> list[str]:
    return [period for period in PERIODS if index.counted(period)]


def test_only_the_newest_periods_are_kept(tmp_path: Path) -> None:
    """After two years the disk holds three months; the newest count is whole."""
    index = SqliteIndex(tmp_path / "index.sqlite")
    count(index)

    assert PERIODS[-3:] == kept(index)
    assert (50, {0: 24}) == (index.counted(PERIODS[-1]), index.next_offsets("ledger"))
    index.close()


def test_the_period_before_is_kept_while_a_new_one_begins(tmp_path: Path) -> None:
    """A chunk queried on the last evening is committed after midnight: its keys count once."""
    index = SqliteIndex(tmp_path / "index.sqlite")
    count(index)
    index.count_keys(PERIODS[-2], b"x" * 16, "ledger", 25)

    assert (51, 50) == (index.counted(PERIODS[-2]), index.counted(PERIODS[-1]))
    assert [] == index.new_keys(PERIODS[-2], [b"x" * 16, KEYS[:16]])
    index.close()


def test_reading_the_ledger_again_uncounts_nothing(tmp_path: Path) -> None:
    """A restart reads it from the start, with the old file in place."""
    path = tmp_path / "index.sqlite"
    first = SqliteIndex(path)
    count(first)
    first.close()
    second = SqliteIndex(path)
    count(second)

    assert [50, 50] == [second.counted(period) for period in PERIODS[-2:]]
    assert len(kept(second)) <= 3
    second.close()


def test_a_file_that_can_not_be_opened_is_one_sentence(tmp_path: Path) -> None:
    """A directory stands in its place: which one it is, and what to set."""
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(ConfigurationError, match=r"can't be written: set HIGHTIDE_STATE_DIR") as e:
        SqliteIndex(tmp_path / "index.sqlite")

    assert ("state_directory", True) == (e.value.kind, str(tmp_path) in str(e.value))


@pytest.mark.parametrize("where", ["connectors.sqlite.index._prepare", "pathlib.Path.mkdir"])
def test_a_directory_that_can_not_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whether the system says so (a read-only mount) or SQLite does; root can do everything."""

    def refuse(*_: object, **__: object) -> None:
        if where.endswith("mkdir"):
            raise OSError(30, "Read-only file system")
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(where, refuse)
    with pytest.raises(ConfigurationError, match="HIGHTIDE_STATE_DIR"):
        SqliteIndex(tmp_path / "index.sqlite")
