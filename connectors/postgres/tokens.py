"""Change tokens: what PostgreSQL counts anyway tells whether a table changed, without a scan.

    people   view ──> contacts   table, partitioned ──> contacts_2025   12 inserted, 3 updated
                                                   └──> contacts_2026   40 inserted, 1 deleted
             └─────> countries   table                                   9 inserted

An object counts with everything below it. Besides the counters there are the number of the file
(TRUNCATE and rewrites give a table another one) and the catalogue row's version (ALTER TABLE, and
CREATE OR REPLACE VIEW).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from connectors.errors import ConfigurationError
from connectors.postgres.query import Statement

_OBJECT = """WITH RECURSIVE below (oid) AS (
    SELECT to_regclass($1)::oid
  UNION
    SELECT next.oid FROM below, LATERAL (
        SELECT depend.refobjid
        FROM pg_class view
        JOIN pg_rewrite rule ON rule.ev_class = view.oid
        JOIN pg_depend depend ON depend.objid = rule.oid
            AND depend.classid = 'pg_rewrite'::regclass
            AND depend.refclassid = 'pg_class'::regclass
        WHERE view.oid = below.oid AND view.relkind = 'v'
      UNION ALL
        SELECT inhrelid FROM pg_inherits WHERE inhparent = below.oid
    ) next (oid)
)
SELECT class.oid::int8, class.relkind::text, class.xmin::text,
    pg_relation_filenode(class.oid)::int8,
    pg_stat_get_tuples_inserted(class.oid), pg_stat_get_tuples_updated(class.oid),
    pg_stat_get_tuples_deleted(class.oid)
FROM below LEFT JOIN pg_class class ON class.oid = below.oid
ORDER BY 1"""

# After a crash or a reset the counters begin again at 0 and could reach an old value: the times of
# the resets tell the two apart. A standby counts no changes of its own: there, the place up to
# which it has replayed the log moves with any change at all.
_SERVER = """SELECT current_setting('track_counts'), pg_stat_get_bgwriter_stat_reset_time()::text,
    pg_stat_get_db_stat_reset_time(oid)::text,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END
FROM pg_database WHERE datname = current_database()"""


def server() -> Statement:
    """Ask what the counters of all objects depend on."""
    return Statement(_SERVER)


def counters(name: str) -> Statement:
    """Ask for the counters of an object and of everything below it."""
    return Statement(_OBJECT, (name,))


def check_server(rows: Sequence[Sequence[object]]) -> None:
    """Raise ConfigurationError when the server counts nothing."""
    if rows[0][0] != "on":
        raise ConfigurationError(
            "change_tokens need PostgreSQL's track_counts, which is off: switch it on, or leave "
            "change_tokens out",
            kind="change_token",
        )


def check_object(name: str, rows: Sequence[Sequence[object]]) -> None:
    """Raise ConfigurationError when an object is missing, or something in it is not counted."""
    kinds = {row[1] for row in rows}
    if None in kinds:
        raise ConfigurationError(
            f"change_tokens: there is no table or view {name!r}, or the user may not see it",
            kind="change_token",
        )
    # Tables, their partitions, views, materialized views; not foreign tables, for one.
    if kinds - {"r", "p", "v", "m"}:
        raise ConfigurationError(
            f"change_tokens: {name!r} is, or reads, something whose changes PostgreSQL does not "
            "count, like a foreign table: name the tables below it, or leave change_tokens out",
            kind="change_token",
        )


def token(rows: Sequence[Sequence[object]]) -> str:
    """Return a short text that is equal for equal counters."""
    return hashlib.blake2b(repr([tuple(row) for row in rows]).encode(), digest_size=16).hexdigest()
