"""A daily build: the table replaced in one step, few rows really changed, many only seem so."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from dataclasses import dataclass

import duckdb

from connectors.sandbox.seed.new_content import new_content
from connectors.sandbox.seed.people import FIRST_USER_ID, people, row_number_after
from connectors.sandbox.seed.report import SeedReport
from connectors.sandbox.seed.table import (
    COLUMNS,
    FULL_NAME,
    USER_ID,
    Now,
    chance,
    count_rows,
    dice,
    prev_hash,
    table_exists,
    wall_clock,
)

_DAY = dt.timedelta(days=1)
# A table this large gets at least one changed e-mail address.
_ROWS_FOR_ONE_EMAIL = 100


@dataclass(frozen=True, slots=True)
class BuildShares:
    """Which share of the rows (0 to 1) meets which fate in one build."""

    changed_share: float = 0.05
    email_share: float = 0.0002
    vanish_share: float = 0.001
    new_share: float = 0.002
    flap_share: float = 0.8  # of the rows with two namespaces or more

    def __post_init__(self) -> None:
        for name, share in dataclasses.asdict(self).items():
            if not 0 <= float(share) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {share}")


def build(
    connection: duckdb.DuckDBPyConnection,
    seed_number: int,
    shares: BuildShares | None = None,
    *,
    now: Now = wall_clock,
) -> SeedReport:
    """Rebuild the table; readers see the old one or the new one, never half.

    Every row whose PREV_HASH changed gets this build's start as LAST_CHANGED, all others keep
    theirs. The e-mail address is not in that hash, so a changed one is a new key that no
    watermark sees.
    """
    if not table_exists(connection):
        raise ValueError("there is no table to rebuild; POST /_sandbox/seed makes one")
    shares = shares or BuildShares()
    begin, changed_at = time.monotonic(), now()
    decided = _decided(connection, seed_number, shares)
    fates = dict(
        connection.execute(f"SELECT fate, count(*) FROM ({decided}) GROUP BY fate").fetchall()
    )
    arrived = round(shares.new_share * sum(fates.values()))
    survivors = _survivors(decided, seed_number, changed_at)
    newcomers = _newcomers(connection, seed_number, arrived, changed_at)
    connection.execute(
        f"CREATE OR REPLACE TABLE {FULL_NAME} AS ({survivors}) UNION ALL ({newcomers})"
    )
    return SeedReport(
        rows=count_rows(connection),
        changed=fates.get("changed", 0),
        flapped=fates.get("flapped", 0),
        emails=fates.get("email", 0),
        vanished=fates.get("vanished", 0),
        new=arrived,
        seconds=round(time.monotonic() - begin, 3),
    )


def _newcomers(
    connection: duckdb.DuckDBPyConnection, seed_number: int, count: int, changed_at: dt.datetime
) -> str:
    """SQL of people who came within the last day, with ids above all present ones."""
    last = connection.execute(f"SELECT max({USER_ID}) FROM {FULL_NAME}").fetchone()
    return people(
        seed_number,
        row_number_after(last[0] if last and last[0] else FIRST_USER_ID),
        count,
        as_of=changed_at.replace(microsecond=0),
        created_within=_DAY,
        changed_at=changed_at,
    )


def _decided(connection: duckdb.DuckDBPyConnection, seed_number: int, shares: BuildShares) -> str:
    """SQL of the present rows with their fate; the first that applies, so that none has two."""
    many = "coalesce(contains(CAST(NAMESPACES_ARRAY AS VARCHAR), '},{'), false)"
    vanished = chance(seed_number, "vanish", shares.vanish_share, USER_ID)
    flaps = f"({many} AND {chance(seed_number, 'flap', shares.flap_share, USER_ID)})"
    email_dice = f"{dice(seed_number, 'email', USER_ID)} % 1000000000"
    lowest = connection.execute(
        f"SELECT min({email_dice}) FILTER (NOT {vanished}), count(*) FROM {FULL_NAME}"
    ).fetchone()
    limit = round(shares.email_share * 1e9)
    if shares.email_share and lowest and lowest[1] >= _ROWS_FOR_ONE_EMAIL and lowest[0] is not None:
        limit = max(limit, lowest[0] + 1)
    return f"""
        SELECT *, {flaps} AS flaps, CASE
            WHEN {vanished} THEN 'vanished'
            WHEN {email_dice} < {limit} THEN 'email'
            WHEN {chance(seed_number, "change", shares.changed_share, USER_ID)} THEN 'changed'
            WHEN {flaps} THEN 'flapped'
            ELSE 'kept' END AS fate
        FROM {FULL_NAME}
    """


def _survivors(decided: str, seed_number: int, changed_at: dt.datetime) -> str:
    """SQL of the rows that stay, as this build has them."""
    fresh = new_content(seed_number, changed_at)
    content = ", ".join(f"{fresh.get(name, name)} AS {name}" for name in COLUMNS)
    return f"""
        WITH decided AS ({decided}), drawn AS (
            SELECT *, CASE WHEN fate = 'changed' THEN
                CASE WHEN NAMESPACES_ARRAY IS NULL THEN {dice(seed_number, "what", USER_ID)} % 90
                ELSE {dice(seed_number, "what", USER_ID)} % 100 END END AS what
            FROM decided WHERE fate <> 'vanished'
        ), fresh AS (
            SELECT {content} FROM drawn
        ), hashed AS (
            SELECT *, {prev_hash()} AS new_hash FROM fresh
        )
        SELECT * EXCLUDE (new_hash) REPLACE (
            new_hash AS PREV_HASH,
            CASE WHEN new_hash = PREV_HASH THEN LAST_CHANGED
                ELSE TIMESTAMPTZ '{changed_at.isoformat(" ")}' END AS LAST_CHANGED
        ) FROM hashed
    """
