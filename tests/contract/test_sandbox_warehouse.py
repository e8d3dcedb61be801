"""The sandbox warehouse, asked by the real connector, answers as Snowflake does."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from snowflake.connector import errors

from tests.contract.sandbox_warehouse import (
    CHUNK_ROWS,
    KEYSET,
    MODEL,
    PASSWORD,
    TABLE,
    Connect,
    Warehouse,
    connections,
    first_row,
    log_in,
    running,
)

pytestmark = pytest.mark.warehouse


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running(tmp_path_factory.mktemp("warehouse")) as started:
        yield started


@pytest.fixture
def connect(warehouse: Warehouse) -> Iterator[Connect]:
    with connections(warehouse) as opened:
        yield opened


@pytest.fixture
def cursor(connect: Connect) -> Any:
    return connect().cursor()


# Logging in


def test_wrong_password_is_refused_as_snowflake_does(connect: Connect) -> None:
    """Code 390100 and its sentence."""
    with pytest.raises(errors.DatabaseError, match="Incorrect username or password") as caught:
        connect(password="wrong")

    assert caught.value.errno == 390100


def test_login_survives_a_short_outage(warehouse: Warehouse, connect: Connect) -> None:
    """HTTP 503 is retried by the connector until the switch ran down."""
    before = warehouse.ask("stats")["logins"]
    warehouse.ask("faults", {"login_503": 1})

    assert first_row(connect().cursor(), "SELECT 1") == (1,)
    assert warehouse.ask("stats")["logins"] == before + 1


def test_login_is_described_without_its_password(warehouse: Warehouse, connect: Connect) -> None:
    """Tests can see which role, warehouse and tag a client asked for."""
    connect(role="R", warehouse="W", session_parameters={"QUERY_TAG": "tag"})

    last = warehouse.ask("stats")["last_login"]
    assert (last["user"], last["role"], last["warehouse"]) == ("hightide", "R", "W")
    assert last["session_parameters"]["QUERY_TAG"] == "tag"
    assert PASSWORD not in json.dumps(last)


def test_sessions_are_counted_until_they_close(warehouse: Warehouse) -> None:
    """A closed connection leaves no session behind."""
    before = warehouse.ask("stats")["sessions"]
    connection = log_in(warehouse)

    assert warehouse.ask("stats")["sessions"] == before + 1
    connection.close()
    assert warehouse.ask("stats")["sessions"] == before


# The model


def test_model_runs_unmodified_and_comes_in_chunks(cursor: Any) -> None:
    """Every row once, with 19 columns, over several chunks."""
    rows = cursor.execute(MODEL).fetchall()

    assert first_row(cursor, f"SELECT COUNT(*) FROM (\n{MODEL}\n)") == (len(rows),)
    assert len(rows) > 2 * CHUNK_ROWS
    assert len({row[0] for row in rows}) == len(rows)
    assert {len(row) for row in rows} == {19}


def test_keyset_pages_give_every_row_once(cursor: Any) -> None:
    """Ties on LAST_CHANGED do not lose or repeat a row."""
    expected = {row[0] for row in cursor.execute(MODEL).fetchall()}
    keys: list[str] = []
    watermark, key = "1970-01-01 00:00:00.000000000+00:00", ""
    while rows := cursor.execute(
        KEYSET, (watermark, watermark, key, "2999-01-01 00:00:00.000000000+00:00")
    ).fetchall():
        keys += [row[0] for row in rows]
        watermark, key = rows[-1][-1] + "+00:00", rows[-1][0]

    assert len(keys) == len(set(keys))
    assert expected == set(keys)


def test_arrow_batches_give_every_row(cursor: Any) -> None:
    """The columnar way the worker may read."""
    batches = cursor.execute(MODEL).fetch_arrow_batches(force_microsecond_precision=True)

    tables = list(batches)
    assert sum(table.num_rows for table in tables) == len(cursor.execute(MODEL).fetchall())
    assert isinstance(tables[-1].column("LAST_CHANGED")[0].as_py(), dt.datetime)


def test_types_are_the_declared_ones(cursor: Any) -> None:
    """describe() and LIMIT 0 tell NUMBER, TEXT, NTZ, LTZ, BOOLEAN and ARRAY apart."""
    empty = f"SELECT * FROM (\n{MODEL}\n) LIMIT 0"
    described = {column.name: column.type_code for column in cursor.describe(empty)}
    cursor.execute(empty)

    assert described == {column.name: column.type_code for column in cursor.description}
    assert cursor.fetchall() == []
    assert tuple(
        described[name]
        for name in (
            "GITLAB_DOTCOM_USER_ID",
            "EMAIL_ADDRESS",
            "GITLAB_DOTCOM_CREATED_DATE",
            "IS_PQL",
        )
    ) == (0, 2, 8, 13)
    assert (described["NAMESPACES_ARRAY"], described["LAST_CHANGED"]) == (10, 6)


def test_null_timestamps_are_none(cursor: Any) -> None:
    """Neither an error nor 1970."""
    row = first_row(cursor, "SELECT NULL::TIMESTAMP_NTZ, NULL::TIMESTAMP_TZ, NULL::TIMESTAMP_LTZ")
    trials = cursor.execute(f"SELECT MAX_TRIAL_START_DATE FROM {TABLE}").fetchall()

    assert row == (None, None, None)
    assert {None, dt.datetime} == {value and type(value) for (value,) in trials}


# Functions and binds


def test_server_clock_is_the_present(cursor: Any) -> None:
    """SYSDATE, GETDATE and nanoseconds since 1970 agree, in UTC."""
    now, nanoseconds, get_date, earlier = first_row(
        cursor,
        "SELECT SYSDATE(), DATE_PART(EPOCH_NANOSECOND, SYSDATE()), GETDATE(),"
        " DATEADD(SECOND, -30, SYSDATE())",
    )

    assert dt.timedelta(seconds=30) == now - earlier
    assert now == get_date.replace(tzinfo=None)
    assert int(nanoseconds) // 1000 == round(now.replace(tzinfo=dt.UTC).timestamp() * 1e6)
    assert abs(nanoseconds / 1e9 - time.time()) < 60  # noqa: TID251 (compares two real clocks)


@pytest.mark.parametrize(
    "cast", ["CAST(? AS TIMESTAMP_TZ(9))", "TO_TIMESTAMP_TZ(?)", "?::TIMESTAMP_TZ(9)"]
)
def test_bound_text_becomes_an_instant(cursor: Any, cast: str) -> None:
    """Each way Snowflake knows to cast a bound watermark."""
    row = first_row(
        cursor,
        f"SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', {cast}), 'YYYY-MM-DD HH24:MI:SS.FF9')",
        "2026-11-24 02:52:15.875030000+00:00",
    )

    assert row == ("2026-11-24 02:52:15.875030000",)


def test_bound_values_keep_their_types(cursor: Any) -> None:
    """Numbers stay numbers, a naive time stays naive, None is NULL."""
    values = (7, Decimal("1.5"), 2.5, "x", True, dt.datetime(2026, 1, 2, 3, 4, 5, 6), None)  # noqa: DTZ001

    assert values == first_row(cursor, "SELECT ?, ?, ?, ?, ?, ?, ?", *values)


@pytest.mark.parametrize("value", ["LAST_CHANGED", "MAX(LAST_CHANGED)", "SYSDATE()"])
def test_times_are_formatted_whatever_they_come_from(cursor: Any, value: str) -> None:
    """Nine digits and an offset, as text."""
    form = "YYYY-MM-DD HH24:MI:SS.FF9TZH:TZM"
    sql = f"SELECT TO_VARCHAR({value}, '{form}') FROM {TABLE} GROUP BY LAST_CHANGED LIMIT 1"

    (text,) = first_row(cursor, sql)

    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}\+00:00", text)


def test_executemany_inserts_every_row(cursor: Any) -> None:
    """A bound array is one statement that affects many rows."""
    cursor.execute("CREATE OR REPLACE TABLE MANY (A NUMBER(38,0), B VARCHAR)")
    cursor.executemany("INSERT INTO MANY VALUES (?, ?)", [(1, "a"), (2, "b"), (3, None)])

    assert cursor.rowcount == 3
    assert first_row(cursor, "SELECT COUNT(*), COUNT(B) FROM MANY") == (3, 2)


def test_session_parameters_may_be_altered(cursor: Any) -> None:
    """They change nothing here, and are no error."""
    cursor.execute("ALTER SESSION SET TIMEZONE = 'UTC'")
    cursor.execute("ALTER SESSION SET QUERY_TAG = 'x'")

    assert first_row(cursor, "SELECT CURRENT_ROLE() IS NOT NULL") == (True,)


@pytest.mark.parametrize(
    ("sql", "errno", "words"),
    [
        ("SELECT * FROM NO_TABLE", 2003, "Object 'NO_TABLE' does not exist or not authorized"),
        (f"SELECT NO_COLUMN FROM {TABLE}", 904, "invalid identifier 'NO_COLUMN'"),
        ("SELEC 1", 1003, "Unexpected token"),
        ("SELECT 1; SELECT 2", 8, "statement count 2"),
        ("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('NO_TABLE')", 2003, "NO_TABLE"),
    ],
)
def test_errors_have_snowflakes_numbers(cursor: Any, sql: str, errno: int, words: str) -> None:
    """At once, not after minutes of retries."""
    with pytest.raises(errors.ProgrammingError, match=words) as caught:
        cursor.execute(sql)

    assert errno == caught.value.errno
