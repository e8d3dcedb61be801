"""A daily build and a trickle change what they say, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from connectors.sandbox.seed import BuildShares, SeedReport, build, seed, trickle
from connectors.sandbox.seed.table import DATABASE, FULL_NAME, SCHEMA, prev_hash

FIRST = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
NEXT_DAY = FIRST + dt.timedelta(days=1)
NOTHING = BuildShares(0, 0, 0, 0, 0)
Rows = dict[int, dict[str, Any]]


@pytest.fixture
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH ':memory:' AS {DATABASE}")
        connection.execute(f"CREATE SCHEMA {DATABASE}.{SCHEMA}")
        seed(connection, rows=3_000, seed_number=7, now=lambda: FIRST)
        yield connection


def read(connection: duckdb.DuckDBPyConnection) -> Rows:
    """Every row by its user, which outlives a change of the e-mail address."""
    cursor = connection.execute(f"SELECT * FROM {FULL_NAME}")
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["GITLAB_DOTCOM_USER_ID"]: row for row in rows}


def rebuild(
    connection: duckdb.DuckDBPyConnection, shares: BuildShares, seed_number: int = 2
) -> SeedReport:
    return build(connection, seed_number, shares, now=lambda: NEXT_DAY)


def content(row: dict[str, Any]) -> dict[str, Any]:
    """The row without its change columns and with its array in a fixed order."""
    kept = {name: value for name, value in row.items() if name not in {"PREV_HASH", "LAST_CHANGED"}}
    elements = json.loads(row["NAMESPACES_ARRAY"] or "null") or []
    return kept | {"NAMESPACES_ARRAY": sorted(elements, key=lambda e: int(e["NAMESPACE_ID"]))}


def test_build_without_changes_keeps_every_row(table: duckdb.DuckDBPyConnection) -> None:
    """No share, no change: LAST_CHANGED stands still through a rebuild."""
    before = read(table)

    report = rebuild(table, NOTHING)

    assert before == read(table)
    assert SeedReport(rows=3_000, seconds=report.seconds) == report


def test_changed_rows_have_new_content_and_last_changed(table: duckdb.DuckDBPyConnection) -> None:
    """The report's count is the number of rows whose content differs, and only they are bumped."""
    before = read(table)

    report = rebuild(table, BuildShares(0.1, 0, 0, 0, 0))

    after = read(table)
    differ = {user for user in before if content(before[user]) != content(after[user])}
    bumped = {user for user in after if after[user]["LAST_CHANGED"] == NEXT_DAY}
    assert report.changed == len(differ)
    assert differ == bumped
    assert 200 < report.changed < 400


def test_changes_touch_several_columns(table: duckdb.DuckDBPyConnection) -> None:
    """Logins mostly, but names, jobs, opt-ins and namespaces too."""
    before = read(table)

    rebuild(table, BuildShares(0.2, 0, 0, 0, 0))

    after = read(table)
    touched = {name for user in before for name in before[user] if after[user] != before[user]
               and after[user][name] != before[user][name]}  # fmt: skip
    assert touched == {
        *("FIRST_NAME", "LAST_NAME", "JOB_TITLE", "GITLAB_DOTCOM_LAST_LOGIN_DATE"),
        *("GITLAB_DOTCOM_EMAIL_OPTED_IN", "NAMESPACES_ARRAY", "PREV_HASH", "LAST_CHANGED"),
    }


def test_flapped_rows_have_the_same_content_in_new_order(table: duckdb.DuckDBPyConnection) -> None:
    """Order alone gives a new PREV_HASH, hence a new LAST_CHANGED: the false alarm."""
    before = read(table)

    report = rebuild(table, BuildShares(0, 0, 0, 0, flap_share=0.8))

    after = read(table)
    bumped = {user for user in after if after[user]["LAST_CHANGED"] == NEXT_DAY}
    assert report.flapped == len(bumped) > 500
    assert all(content(before[user]) == content(after[user]) for user in before)
    assert all(before[user]["PREV_HASH"] != after[user]["PREV_HASH"] for user in bumped)


def test_changed_email_is_a_new_key_with_the_old_last_changed(
    table: duckdb.DuckDBPyConnection,
) -> None:
    """The address is not hashed: the old key vanishes, the new one is not bumped."""
    before = read(table)

    report = rebuild(table, BuildShares(0, 0.01, 0, 0, 0))

    after = read(table)
    moved = [
        user for user in before if before[user]["EMAIL_ADDRESS"] != after[user]["EMAIL_ADDRESS"]
    ]
    assert report.emails == len(moved) > 5
    for user in moved:
        assert before[user]["DIM_MARKETING_CONTACT_ID"] != after[user]["DIM_MARKETING_CONTACT_ID"]
        assert after[user]["LAST_CHANGED"] == FIRST


def test_one_email_changes_even_when_the_share_is_tiny(table: duckdb.DuckDBPyConnection) -> None:
    """A table of 100 rows or more always shows the trap."""
    assert rebuild(table, BuildShares(0, 1e-9, 0, 0, 0)).emails == 1


def test_rows_vanish_and_new_users_come(table: duckdb.DuckDBPyConnection) -> None:
    """Counts add up, and newcomers have ids above all others and pass as created today."""
    before = read(table)

    report = rebuild(table, BuildShares(0, 0, 0.02, 0.01, 0))

    after = read(table)
    assert report.vanished == len(set(before) - set(after)) > 20
    assert report.new == len(set(after) - set(before)) == 30
    assert report.rows == len(after) == 3_000 - report.vanished + report.new
    assert min(set(after) - set(before)) > max(before)


def test_prev_hash_always_fits_the_row(table: duckdb.DuckDBPyConnection) -> None:
    """After builds and a trickle the hash is still that of the row's own columns."""
    rebuild(table, BuildShares(), seed_number=2)
    rebuild(table, BuildShares(), seed_number=2)
    trickle(table, rows=30, seed_number=1)

    wrong = table.execute(f"SELECT count(*) FROM {FULL_NAME} WHERE PREV_HASH <> {prev_hash()}")
    assert wrong.fetchone() == (0,)


def test_trickle_bumps_that_many_rows_in_several_statements(
    table: duckdb.DuckDBPyConnection,
) -> None:
    """Each statement has its own LAST_CHANGED, later than the one before."""
    seed(table, rows=1_000, seed_number=7)  # dates up to the real present: the filter uses it
    before = read(table)

    report = trickle(table, rows=50, seed_number=1)

    after = read(table)
    changed = {user for user in after if after[user] != before[user]}
    assert report.changed == len(changed) == 50
    assert len({after[user]["LAST_CHANGED"] for user in changed}) == 17


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_outside_0_to_1_is_refused(share: float) -> None:
    """A percentage written as 5 instead of 0.05 is an error."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        BuildShares(changed_share=share)
