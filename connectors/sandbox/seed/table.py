"""The marketing table: its name, columns and hash, and the dice everything is drawn with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import duckdb

DATABASE = "PREP"
SCHEMA = "SENSITIVE"
TABLE = "POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
FULL_NAME = f"{DATABASE}.{SCHEMA}.{TABLE}"

# Name -> DuckDB's type. In Snowflake: VARCHAR, NUMBER(38,0), TIMESTAMP_NTZ(9), BOOLEAN, ARRAY, and
# TIMESTAMP_LTZ(9) for the last; DuckDB keeps microseconds.
COLUMNS: Mapping[str, str] = {
    "DIM_MARKETING_CONTACT_ID": "VARCHAR",
    "EMAIL_ADDRESS": "VARCHAR",
    "FIRST_NAME": "VARCHAR",
    "LAST_NAME": "VARCHAR",
    "COUNTRY": "VARCHAR",
    "COMPANY_NAME": "VARCHAR",
    "JOB_TITLE": "VARCHAR",
    "GITLAB_DOTCOM_USER_ID": "BIGINT",
    "GITLAB_USER_NAME": "VARCHAR",
    "GITLAB_DOTCOM_ACTIVE_STATE": "VARCHAR",
    "GITLAB_DOTCOM_CONFIRMED_DATE": "TIMESTAMP",
    "GITLAB_DOTCOM_CREATED_DATE": "TIMESTAMP",
    "GITLAB_DOTCOM_LAST_LOGIN_DATE": "TIMESTAMP",
    "GITLAB_DOTCOM_EMAIL_OPTED_IN": "BOOLEAN",
    "IS_PQL": "BOOLEAN",
    "MAX_TRIAL_START_DATE": "TIMESTAMP",
    "NAMESPACES_ARRAY": "JSON",
    "PREV_HASH": "VARCHAR",
    "LAST_CHANGED": "TIMESTAMPTZ",
}

# The person behind a row; unlike the key it outlives a change of the e-mail address.
USER_ID = "GITLAB_DOTCOM_USER_ID"

# The key, the e-mail address and the two change columns are not in the hash.
HASHED = tuple(COLUMNS)[2:17]

# What the user's sync reads: one month of active users that have a namespace.
MODEL_FILTER = """
    CAST(GITLAB_DOTCOM_CREATED_DATE AS DATE) > CURRENT_TIMESTAMP - INTERVAL 1 MONTH
    AND GITLAB_DOTCOM_LAST_LOGIN_DATE IS NOT NULL
    AND GITLAB_DOTCOM_ACTIVE_STATE IS NOT NULL
    AND NAMESPACES_ARRAY IS NOT NULL
"""

Now = Callable[[], dt.datetime]


def wall_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 (a stand-in server tells its own time)


def table_exists(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "SELECT 1 FROM duckdb_tables()"
        " WHERE database_name = ? AND schema_name = ? AND table_name = ?",
        [DATABASE, SCHEMA, TABLE],
    ).fetchone()
    return found is not None


def count_rows(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute(f"SELECT count(*) FROM {FULL_NAME}").fetchone()
    return int(row[0]) if row else 0


def prev_hash(replaced: Mapping[str, str] | None = None) -> str:
    """SQL of the data-pump convention's hash; `replaced` gives columns another expression.

    The array counts as text in its present order, so another order is another hash.
    """
    values = {name: name for name in HASHED} | dict(replaced or {})
    parts = ", ".join(f"coalesce(CAST({values[name]} AS VARCHAR), '_null_')" for name in HASHED)
    return f"md5(concat_ws('-', {parts}))"


def dice(seed_number: int, purpose: str, *rows: str) -> str:
    """SQL of a big number that depends on the seed, the purpose and the row, on nothing else."""
    return f"hash({seed_number}, '{purpose}', {', '.join(rows)})"


def chance(seed_number: int, purpose: str, share: float, *rows: str) -> str:
    """SQL that is true for about that share of the rows."""
    return f"({dice(seed_number, purpose, *rows)} % 1000000000 < {round(share * 1e9)})"


def pick(words: tuple[str, ...], number: str) -> str:
    """SQL of one of the words."""
    listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
    return f"([{listed}])[1 + CAST({number} % {len(words)} AS INTEGER)]"


def timestamp_before(moment: dt.datetime, span: dt.timedelta, number: str) -> str:
    """SQL of a TIMESTAMP in milliseconds, at most `span` before `moment`."""
    end = int(moment.timestamp() * 1000)
    span_ms = span // dt.timedelta(milliseconds=1)
    return f"make_timestamp(({end} - CAST({number} % {span_ms} AS BIGINT)) * 1000)"
