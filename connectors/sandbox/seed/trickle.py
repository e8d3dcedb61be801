"""Changes in place, a few rows at a time: a table that is streamed into instead of rebuilt."""

from __future__ import annotations

import datetime as dt
import time

import duckdb

from connectors.sandbox.seed.report import SeedReport
from connectors.sandbox.seed.table import (
    FULL_NAME,
    HASHED,
    MODEL_FILTER,
    USER_ID,
    Now,
    count_rows,
    dice,
    prev_hash,
    table_exists,
    wall_clock,
)

MAX_STATEMENTS = 20


def trickle(
    connection: duckdb.DuckDBPyConnection, *, rows: int, seed_number: int, now: Now = wall_clock
) -> SeedReport:
    """Give `rows` rows that pass the model's filter a new login, fewer if fewer pass.

    They are spread over up to 20 UPDATEs, each with its own LAST_CHANGED.
    """
    if not table_exists(connection):
        raise ValueError("there is no table to change; POST /_sandbox/seed makes one")
    begin = time.monotonic()
    # Read once: each UPDATE would otherwise unpack the arrays of the whole table for the hash.
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE chosen AS"
        f" SELECT {USER_ID} AS user_id, {', '.join(HASHED)}"
        f" FROM {FULL_NAME} WHERE {MODEL_FILTER}"
        f" ORDER BY {dice(seed_number, 'trickle', USER_ID)} LIMIT {max(rows, 0)}"
    )
    count = connection.execute("SELECT count(*) FROM chosen").fetchone()
    changed = int(count[0]) if count else 0
    size = max(1, -(-changed // MAX_STATEMENTS))
    for start in range(0, changed, size):
        _log_in(connection, start, start + size, now())
    connection.execute("DROP TABLE chosen")
    return SeedReport(
        rows=count_rows(connection),
        changed=changed,
        seconds=round(time.monotonic() - begin, 3),
    )


def _log_in(
    connection: duckdb.DuckDBPyConnection, start: int, end: int, changed_at: dt.datetime
) -> None:
    login = f"TIMESTAMP '{changed_at:%Y-%m-%d %H:%M:%S.%f}'"
    connection.execute(
        f"UPDATE {FULL_NAME} SET GITLAB_DOTCOM_LAST_LOGIN_DATE = {login},"
        f" PREV_HASH = fresh.new_hash,"
        f" LAST_CHANGED = TIMESTAMPTZ '{changed_at.isoformat(' ')}'"
        f" FROM (SELECT user_id, {prev_hash({'GITLAB_DOTCOM_LAST_LOGIN_DATE': login})} AS new_hash"
        f" FROM chosen WHERE rowid >= {start} AND rowid < {end}) AS fresh"
        f" WHERE {USER_ID} = fresh.user_id"
    )
