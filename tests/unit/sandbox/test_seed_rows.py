"""The seeded table has the user's shape: its columns, its shares, its traps."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from connectors.sandbox.seed import SeedReport, seed
from connectors.sandbox.seed.table import COLUMNS, DATABASE, FULL_NAME, MODEL_FILTER, SCHEMA

NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
ROWS = 4_000


def make_table(rows: int, seed_number: int = 7) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"ATTACH ':memory:' AS {DATABASE}")
    connection.execute(f"CREATE SCHEMA {DATABASE}.{SCHEMA}")
    seed(connection, rows=rows, seed_number=seed_number, now=lambda: NOON)
    return connection


@pytest.fixture(scope="module")
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_table(ROWS) as connection:
        yield connection


def one(connection: duckdb.DuckDBPyConnection, expression: str, where: str = "true") -> Any:
    row = connection.execute(f"SELECT {expression} FROM {FULL_NAME} WHERE {where}").fetchone()
    assert row is not None
    return row[0]


def test_columns_are_the_19_of_the_model(table: duckdb.DuckDBPyConnection) -> None:
    """Names, order and types are the table's own."""
    described = table.execute(f"DESCRIBE {FULL_NAME}").fetchall()

    kinds = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    assert [(name, kinds.get(kind, kind)) for name, kind in COLUMNS.items()] == [
        (row[0], row[1]) for row in described
    ]


def test_keys_emails_and_users_are_unique(table: duckdb.DuckDBPyConnection) -> None:
    """One row per e-mail address, and the key is its md5."""
    for column in ("DIM_MARKETING_CONTACT_ID", "EMAIL_ADDRESS", "GITLAB_DOTCOM_USER_ID"):
        assert one(table, f"count(DISTINCT {column})") == ROWS
    assert one(table, "count(*)", "DIM_MARKETING_CONTACT_ID <> md5(EMAIL_ADDRESS)") == 0


def test_first_build_shares_one_last_changed(table: duckdb.DuckDBPyConnection) -> None:
    """A first build bumps every row: one tie over the whole table."""
    assert one(table, "count(DISTINCT LAST_CHANGED)") == 1
    assert one(table, "min(LAST_CHANGED)") == NOON


def test_shares_are_those_of_the_real_table(table: duckdb.DuckDBPyConnection) -> None:
    """97 % logged in, 70 % in a namespace, half created within a month."""
    assert one(table, "count(GITLAB_DOTCOM_LAST_LOGIN_DATE) / count(*)") == pytest.approx(
        0.97, abs=0.02
    )
    assert one(table, "count(NAMESPACES_ARRAY) / count(*)") == pytest.approx(0.70, abs=0.03)
    recent = "GITLAB_DOTCOM_CREATED_DATE > TIMESTAMP '2026-10-24'"
    assert one(table, f"avg(CASE WHEN {recent} THEN 1 ELSE 0 END)") == pytest.approx(0.5, abs=0.04)


def test_no_one_logs_in_before_being_created(table: duckdb.DuckDBPyConnection) -> None:
    """Dates make sense: created, then confirmed and logged in, never in the future."""
    assert one(table, "count(*)", "GITLAB_DOTCOM_LAST_LOGIN_DATE < GITLAB_DOTCOM_CREATED_DATE") == 0
    assert one(table, "max(GITLAB_DOTCOM_LAST_LOGIN_DATE)") <= NOON.replace(tzinfo=None)


def test_namespaces_have_sorted_keys_and_none_is_null(table: duckdb.DuckDBPyConnection) -> None:
    """As OBJECT_CONSTRUCT gives them; a NULL attribute is an absent key."""
    texts = table.execute(f"SELECT NAMESPACES_ARRAY FROM {FULL_NAME}").fetchall()
    arrays = [json.loads(text) for (text,) in texts if text is not None]
    elements = [element for array in arrays for element in array]

    assert all(list(element) == sorted(element) for element in elements)
    assert not any(value is None for element in elements for value in element.values())
    assert {True, False} == {"TRIAL_START_DATE" in element for element in elements}
    assert all(len({e["NAMESPACE_ID"] for e in array}) == len(array) for array in arrays)


def test_a_few_users_have_many_namespaces(table: duckdb.DuckDBPyConnection) -> None:
    """Most have 1 to 3, agencies have dozens."""
    length = "json_array_length(NAMESPACES_ARRAY)"
    assert one(table, f"max({length})") > 30
    assert one(table, f"quantile_disc({length}, 0.9)", "NAMESPACES_ARRAY IS NOT NULL") <= 3


def test_same_seed_gives_same_rows() -> None:
    """Two tables from one seed are equal, another seed gives other people."""
    digest = f"SELECT md5(string_agg(PREV_HASH || EMAIL_ADDRESS, '' ORDER BY ALL)) FROM {FULL_NAME}"
    with make_table(300) as first, make_table(300) as second, make_table(300, 8) as other:
        digests = [c.execute(digest).fetchall() for c in (first, second, other)]

    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_seed_replaces_the_table_and_counts_it() -> None:
    """Seeding twice does not add up."""
    with make_table(50) as connection:
        report = seed(connection, rows=20, seed_number=1, now=lambda: NOON)

        assert SeedReport(rows=20, new=20, seconds=report.seconds) == report
        assert one(connection, "count(*)") == 20


def test_model_filter_passes_about_a_third() -> None:
    """Half by date, of those 97 % and 70 %; dates are drawn from the present day back."""
    with make_table(10) as connection:
        seed(connection, rows=2_000, seed_number=3)

        assert one(connection, "count(*)", MODEL_FILTER) == pytest.approx(680, abs=120)


def test_negative_rows_are_refused() -> None:
    """A count below zero is an error, not an empty table."""
    with make_table(1) as connection, pytest.raises(ValueError, match="negative"):
        seed(connection, rows=-1, seed_number=1)
