"""The local index in one SQLite file: key → row hash, and the keys counted for MQR.

It is a cache of the topics. It notes up to which offset of each topic it is true, in the same
transaction as the rows, so that a crash leaves it behind but never wrong. A file that is damaged or
of another format is deleted and built anew; a full disk is said in one sentence.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.errors import ConfigurationError
from connectors.ports import KnownRow

FORMAT = 3
KEY_BYTES = 16
FIND_KEYS = 500
CACHE_KIB = 32 * 1024
# Keys come in no order: a commit of 5,000 touches 4,600 pages of 35,000. Copied into the file after
# each commit (SQLite's 1,000 pages) a page is written 50 times; after 64 MB far less often.
CHECKPOINT_PAGES = 16_000

_SCHEMA = """
CREATE TABLE row (
    model TEXT NOT NULL, key BLOB NOT NULL, hash BLOB NOT NULL, partition INTEGER NOT NULL,
    gone BLOB NOT NULL, filled BLOB NOT NULL, PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE doubt (
    model TEXT NOT NULL, key BLOB NOT NULL, changed_at INTEGER NOT NULL, PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE counted (
    period TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (period, hash)
) WITHOUT ROWID;
CREATE TABLE counted_keys (period TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE kept (model TEXT PRIMARY KEY, columns TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (
    log TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    epoch INTEGER NOT NULL, PRIMARY KEY (log, partition)
) WITHOUT ROWID;
"""


class SqliteIndex:
    """The Index port on a SQLite file; calls may come from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._period = ""
        self._db = self._open()

    def next_offsets(self, log: str) -> dict[int, int]:
        with self.using() as db:
            rows = db.execute("SELECT partition, next_offset FROM progress WHERE log = ?", (log,))
            return dict(rows.fetchall())

    def changed(self, model: str, keys: Sequence[bytes], hashes: Sequence[bytes]) -> list[bool]:
        with self.using() as db:
            found = _find(db, "SELECT key, hash FROM row WHERE model = ? AND key", model, keys)
            known = {row[0]: row[1] for row in found}
        return [known.get(key) != row_hash for key, row_hash in zip(keys, hashes, strict=True)]

    def partitions(self, model: str, keys: Sequence[bytes]) -> list[int | None]:
        sql = "SELECT key, partition FROM row WHERE model = ? AND key"
        with self.using() as db:
            stood: dict[bytes, int] = {row[0]: row[1] for row in _find(db, sql, model, keys)}
        return [stood.get(key) for key in keys]

    def epochs(self, log: str) -> dict[int, int]:
        with self.using() as db:
            rows = db.execute("SELECT partition, epoch FROM progress WHERE log = ?", (log,))
            return dict(rows.fetchall())

    def remember(
        self,
        model: str,
        rows: Sequence[KnownRow],
        log: str,
        next_offsets: Mapping[int, int],
        epochs: Mapping[int, int],
    ) -> None:
        # One key may come twice in `rows`, deleted and then there again: the last word counts.
        newest = {row.key: row for row in rows}
        there = [
            (model, r.key, r.row_hash, r.partition, r.delete, r.filled)
            for r in newest.values()
            if r.row_hash is not None
        ]
        there.sort(key=lambda row: row[1])  # each page of the tree is met once
        # A key may have moved: a tombstone where it stood before says nothing of where it is now.
        gone = [(model, r.key, r.partition) for r in newest.values() if r.row_hash is None]
        with self.using() as db, db:
            db.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?)", there)
            db.executemany("DELETE FROM row WHERE model = ? AND key = ? AND partition = ?", gone)
            if db.execute("SELECT 1 FROM doubt WHERE model = ? LIMIT 1", (model,)).fetchone():
                keys = [(model, key) for key in newest]
                db.executemany("DELETE FROM doubt WHERE model = ? AND key = ?", keys)
            _note(db, log, next_offsets, epochs)

    def doubt(self, model: str, keys: Mapping[bytes, int]) -> None:
        with self.using() as db, db:
            forget = [(model, key) for key in keys]
            db.executemany("DELETE FROM row WHERE model = ? AND key = ?", forget)
            doubted = [(model, key, changed_at) for key, changed_at in keys.items()]
            db.executemany("INSERT OR REPLACE INTO doubt VALUES (?, ?, ?)", doubted)

    def doubted_since_ns(self, model: str) -> int | None:
        with self.using() as db:
            sql = "SELECT MIN(changed_at) FROM doubt WHERE model = ?"
            found = db.execute(sql, (model,)).fetchone()[0]
            return None if found is None else int(found)

    def end_doubt(self, model: str) -> None:
        with self.using() as db, db:
            db.execute("DELETE FROM doubt WHERE model = ?", (model,))

    def new_keys(self, period: str, hashes: Sequence[bytes]) -> list[bytes]:
        sql = "SELECT hash FROM counted WHERE period = ? AND hash"
        with self.using() as db:
            known = {found for (found,) in _find(db, sql, period, hashes)}
        return [one for one in dict.fromkeys(hashes) if one not in known]

    def count_keys(self, period: str, new_keys: bytes, log: str, next_offset: int) -> None:
        keys = [(period, new_keys[i : i + KEY_BYTES]) for i in range(0, len(new_keys), KEY_BYTES)]
        keys.sort()
        with self.using() as db, db:
            # Only periods near the end of the log are asked for; older ones would fill the disk.
            if period != self._period:
                self._period = period
                sql = "SELECT period FROM counted_keys ORDER BY period DESC LIMIT -1 OFFSET 2"
                old = db.execute(sql).fetchall()
                db.executemany("DELETE FROM counted WHERE period = ?", old)
                db.executemany("DELETE FROM counted_keys WHERE period = ?", old)
            added = db.executemany("INSERT OR IGNORE INTO counted VALUES (?, ?)", keys).rowcount
            # Asked for at every commit: counting 1.5 million rows each time takes a tenth second.
            db.execute(
                "INSERT INTO counted_keys VALUES (?1, ?2) "
                "ON CONFLICT (period) DO UPDATE SET number = number + ?2",
                (period, max(0, added)),
            )
            _note(db, log, {0: next_offset}, {})

    def counted(self, period: str) -> int:
        with self.using() as db:
            sql = "SELECT number FROM counted_keys WHERE period = ?"
            found = db.execute(sql, (period,)).fetchone()
            return 0 if found is None else int(found[0])

    def keep(self, model: str, log: str, columns: str) -> None:
        with self.using() as db, db:
            found = db.execute("SELECT columns FROM kept WHERE model = ?", (model,)).fetchone()
            if columns != ("" if found is None else found[0]):
                _forget(db, model, log)
                db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (model, columns))

    def forget(self, model: str, log: str) -> None:
        with self.using() as db, db:
            _forget(db, model, log)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return _prepare(self.path)
        except sqlite3.DatabaseError as error:
            if _is_full(error):
                raise self._no_space() from None
        except OSError:
            raise self._no_directory() from None
        try:
            self._remove()  # damaged: the topics know everything
            return _prepare(self.path)
        except (sqlite3.DatabaseError, OSError):
            raise self._no_directory() from None

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self.explained():
            yield self._db

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Say of a full disk what to do; a file found damaged is built anew at the next start."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if _is_full(error):
                raise self._no_space() from None
            if _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                self._remove()
            raise

    def _no_directory(self) -> ConfigurationError:
        return ConfigurationError(
            f"the state directory {self.path.parent} can't be written: set HIGHTIDE_STATE_DIR to "
            "one that can",
            kind="state_directory",
        )

    def _no_space(self) -> ConfigurationError:
        return ConfigurationError(
            f"no space left for the index in {self.path.parent}: free some, or set "
            "HIGHTIDE_STATE_DIR to a larger disk; nothing is lost",
            kind="disk_full",
        )


def _prepare(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    db.execute("PRAGMA secure_delete = FAST")  # what a removed row kept is overwritten
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found == FORMAT:
        return db
    if found != 0 or db.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
        db.close()
        raise sqlite3.DatabaseError("another format")
    db.executescript(_SCHEMA)
    db.execute(f"PRAGMA user_version = {FORMAT}")
    return db


def _forget(db: sqlite3.Connection, model: str, log: str) -> None:
    db.execute("DELETE FROM row WHERE model = ?", (model,))
    db.execute("DELETE FROM doubt WHERE model = ?", (model,))
    db.execute("DELETE FROM progress WHERE log = ?", (log,))


def _find(
    db: sqlite3.Connection, sql: str, first: str, keys: Sequence[bytes]
) -> Iterator[tuple[Any, ...]]:
    """Look keys up 500 at a time: one by one each takes more than twice as long."""
    for start in range(0, len(keys), FIND_KEYS):
        part = keys[start : start + FIND_KEYS]
        marks = ",".join("?" * len(part))
        yield from db.execute(f"{sql} IN ({marks})", (first, *part))


def _note(
    db: sqlite3.Connection,
    log: str,
    next_offsets: Mapping[int, int],
    epochs: Mapping[int, int],
) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?)",
        [
            (log, partition, offset, epochs.get(partition, 0))
            for partition, offset in next_offsets.items()
        ],
    )


def _is_full(error: sqlite3.Error) -> bool:
    return _name(error) in {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_READONLY"}


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")  # an error that Python itself raised has none
