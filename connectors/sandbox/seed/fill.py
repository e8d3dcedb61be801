"""The first build: the table made anew, every row with the same LAST_CHANGED."""

from __future__ import annotations

import datetime as dt
import time

import duckdb

from connectors.sandbox.seed.people import people
from connectors.sandbox.seed.report import SeedReport
from connectors.sandbox.seed.table import FULL_NAME, Now, count_rows, wall_clock

# Half of it passes the model's one-month filter.
CREATED_WITHIN = dt.timedelta(days=60)


def seed(
    connection: duckdb.DuckDBPyConnection, *, rows: int, seed_number: int, now: Now = wall_clock
) -> SeedReport:
    """Replace the table by `rows` people, in one step for readers.

    The same seed on the same day gives the same rows; only LAST_CHANGED differs.
    """
    if rows < 0:
        raise ValueError(f"rows must not be negative, got {rows}")
    begin = time.monotonic()
    changed_at = now()
    # The last midnight, so that one day's rows do not depend on the hour.
    as_of = changed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    rows_sql = people(
        seed_number,
        0,
        rows,
        as_of=as_of,
        created_within=CREATED_WITHIN,
        changed_at=changed_at,
    )
    connection.execute(f"CREATE OR REPLACE TABLE {FULL_NAME} AS {rows_sql}")
    total = count_rows(connection)
    return SeedReport(rows=total, new=total, seconds=round(time.monotonic() - begin, 3))
