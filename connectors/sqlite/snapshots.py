"""A snapshot on its way: rows that were seen, and those that wait for the guards' yes.

They are whole rows, personal data on the local disk, and worth nothing once the snapshot has ended.
So each snapshot has a file of its own beside the index. It has no name from the moment it is made:
whatever ends the process ends the file, and no page of it is left in the index.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.ports import KnownRow, SeenRow
from connectors.records import Change, SnapshotCounts
from connectors.sqlite.index import SqliteIndex

CACHE_KIB = 16 * 1024

_SCHEMA = """
CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE staged (
    key BLOB PRIMARY KEY, value BLOB NOT NULL, partition_hash INTEGER NOT NULL, hash BLOB NOT NULL,
    changed_at INTEGER NOT NULL, gone BLOB NOT NULL, filled BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE blanked (name TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;
"""
# A row with an empty hash was deleted, only its tombstone is missing: it counts as not there.
_KNOWN = "SELECT COUNT(*) FROM known.row WHERE model = ? AND hash != x''"
_CHANGED = """SELECT COUNT(*) FROM staged WHERE EXISTS (
    SELECT 1 FROM known.row r WHERE r.model = ? AND r.key = staged.key AND r.hash != x'')"""
_STAGED = "SELECT key, value, partition_hash, hash, changed_at, gone, filled FROM staged"
_GONE = """FROM known.row r WHERE r.model = ?1 AND NOT EXISTS (
    SELECT 1 FROM seen WHERE seen.key = r.key)"""
_RENAMED = """FROM staged JOIN known.row r ON r.model = ?1 AND r.key = staged.key
    WHERE r.gone NOT IN (x'', staged.gone)"""


class SqliteSnapshots:
    """The Snapshots port, in files beside the index's."""

    def __init__(self, index: SqliteIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._files: dict[str, sqlite3.Connection] = {}

    def begin(self, model: str) -> None:
        self.end(model)
        with self._lock, self._index.explained():
            self._files[model] = _nameless(file_of(model, self._index.path), self._index.path)

    def filled(self, model: str, keys: Sequence[bytes]) -> list[bytes]:
        sql = "SELECT filled FROM row WHERE model = ? AND key = ?"
        with self._index.using() as db:
            found = [db.execute(sql, (model, key)).fetchone() for key in keys]
        return [b"" if one is None else one[0] for one in found]

    def add(self, model: str, rows: Sequence[SeenRow]) -> None:
        seen = [(row.key,) for row in rows]
        staged = [_staged(row, row.change) for row in rows if row.change is not None]
        blanked = [(name,) for row in rows for name in row.blanked]
        with self._using(model) as db, db:
            new = db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", seen).rowcount
            if new < len(seen):  # a key twice: its last row counts, changed or not
                db.executemany("DELETE FROM staged WHERE key = ?", seen)
            db.executemany("INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?, ?, ?)", staged)
            db.executemany(
                "INSERT INTO blanked VALUES (?, 1) "
                "ON CONFLICT (name) DO UPDATE SET rows = rows + 1",
                blanked,
            )

    def counts(self, model: str) -> SnapshotCounts:
        gone = f"SELECT COUNT(*) {_GONE} AND r.hash != x''"  # our own text
        with self._using(model) as db:
            known, changed, deleted = (
                int(db.execute(sql, (model,)).fetchone()[0]) for sql in (_KNOWN, _CHANGED, gone)
            )
            staged = int(db.execute("SELECT COUNT(*) FROM staged").fetchone()[0])
            names = db.execute("SELECT name, rows FROM blanked").fetchall()
        # A key that stands twice may blank twice: never more rows than there are.
        blanked = {name: min(rows, known) for name, rows in names}
        return SnapshotCounts(known, staged - changed, changed, deleted, blanked)

    def staged(self, model: str, after: bytes | None, limit: int) -> list[SeenRow]:
        sql = f"{_STAGED} WHERE key {_beyond(after)} ? ORDER BY key LIMIT ?"  # our own text
        with self._using(model) as db:
            found = db.execute(sql, (after or b"", limit)).fetchall()
        return [
            SeenRow(key, Change(key, value, partition_hash, row_hash, at), delete, filled)
            for key, value, partition_hash, row_hash, at, delete, filled in found
        ]

    def gone(self, model: str, after: bytes | None, limit: int) -> list[KnownRow]:
        sql = f"""SELECT r.key, r.hash, r.partition, r.gone, r.filled {_GONE}
            AND r.key {_beyond(after)} ?2 ORDER BY r.key LIMIT ?3"""
        with self._using(model) as db:
            found = db.execute(sql, (model, after or b"", limit)).fetchall()
        return [KnownRow(*row) for row in found]

    def renamed(self, model: str, after: bytes | None, limit: int) -> list[KnownRow]:
        sql = f"""SELECT r.key, r.hash, r.partition, r.gone, r.filled {_RENAMED}
            AND staged.key {_beyond(after)} ?2 ORDER BY staged.key LIMIT ?3"""
        with self._using(model) as db:
            found = db.execute(sql, (model, after or b"", limit)).fetchall()
        return [KnownRow(*row) for row in found]

    def end(self, model: str) -> None:
        with self._lock:
            if (db := self._files.pop(model, None)) is not None:
                db.close()

    @contextlib.contextmanager
    def _using(self, model: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._index.explained():
            yield self._files[model]


def file_of(model: str, index: Path) -> Path:
    """Return where a model's snapshot has its name for a moment, beside the index."""
    name = hashlib.blake2b(model.encode(), digest_size=8).hexdigest()
    return index.with_name(f"snapshot-{name}.sqlite")


def _nameless(path: Path, index: Path) -> sqlite3.Connection:
    """Return a new file without a name, with the index beside it as `known`."""
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path, check_same_thread=False)
    # A journal would be a second file with rows in it. Nothing here outlives a crash.
    db.execute("PRAGMA journal_mode = MEMORY")
    db.execute("PRAGMA synchronous = OFF")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.executescript(_SCHEMA)
    path.unlink()
    db.execute("ATTACH DATABASE ? AS known", (str(index),))
    return db


def _beyond(after: bytes | None) -> str:
    # Not `? IS NULL OR key > ?`: that reads the table from its start for every chunk of it.
    return ">=" if after is None else ">"


def _staged(row: SeenRow, change: Change) -> tuple[object, ...]:
    return (
        row.key,
        change.value,
        change.partition_hash,
        change.row_hash,
        change.changed_at_ns,
        row.delete,
        row.filled,
    )
