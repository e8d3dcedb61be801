"""The sandbox warehouse changes its table, fails and restarts as a worker must survive it."""

from __future__ import annotations

import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import errors

from connectors.sandbox.process import SandboxProcess
from tests.contract.sandbox_warehouse import (
    MODEL,
    TABLE,
    TOKEN,
    Connect,
    Warehouse,
    connections,
    first_row,
    log_in,
    running,
    start,
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


# Change tokens


def test_token_stands_still_and_moves_with_each_change(warehouse: Warehouse, cursor: Any) -> None:
    """Reading moves nothing; a trickle and a build do. A view follows its table."""
    cursor.execute(f"CREATE OR REPLACE VIEW MODEL_VIEW AS SELECT * FROM {TABLE}")
    view = "SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME(?)"
    tokens = [first_row(cursor, TOKEN)]
    cursor.execute(MODEL).fetchall()
    assert tokens == [first_row(cursor, TOKEN)]

    for path, body in (("trickle", {"rows": 3}), ("build", {"seed": 5})):
        warehouse.ask(path, body)
        assert first_row(cursor, TOKEN) > tokens[-1]
        assert first_row(cursor, TOKEN) == first_row(cursor, view, "MODEL_VIEW")
        tokens.append(first_row(cursor, TOKEN))


def test_token_moves_at_the_commit(connect: Connect) -> None:
    """Not when the statement ran: nobody could read its rows yet."""
    writer, reader = connect().cursor(), connect().cursor()
    writer.execute("CREATE OR REPLACE TABLE LATE (A NUMBER(38,0))")
    token = "SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('LATE')"
    before = first_row(reader, token)

    writer.execute("BEGIN")
    writer.execute("INSERT INTO LATE VALUES (1)")
    assert before == first_row(reader, token)
    assert first_row(reader, "SELECT COUNT(*) FROM LATE") == (0,)
    writer.execute("COMMIT")

    assert before < first_row(reader, token)
    assert first_row(reader, "SELECT COUNT(*) FROM LATE") == (1,)


# The table's changes


def test_readers_never_see_half_a_build(warehouse: Warehouse, connect: Connect) -> None:
    """While the table is rebuilt every count is a whole table's, and no read fails."""
    cursor = connect().cursor()
    counts = {first_row(cursor, f"SELECT COUNT(*) FROM {TABLE}")[0]}
    seen: set[int] = set()
    building = threading.Event()

    def build() -> None:
        for seed in range(3):
            counts.add(warehouse.ask("build", {"seed": seed, "vanish_share": 0.01})["rows"])
        building.set()

    thread = threading.Thread(target=build)
    thread.start()
    while not building.is_set():
        seen.add(first_row(cursor, f"SELECT COUNT(*) FROM {TABLE}")[0])
    thread.join()

    assert seen
    assert seen <= counts


def test_trickled_rows_are_visible_above_the_watermark(warehouse: Warehouse, cursor: Any) -> None:
    """Rows of a trickle are exactly those whose LAST_CHANGED is newer than before."""
    highest = f"SELECT TO_VARCHAR(MAX(LAST_CHANGED), 'YYYY-MM-DD HH24:MI:SS.FF9') FROM {TABLE}"
    (watermark,) = first_row(cursor, highest)

    report = warehouse.ask("trickle", {"rows": 25, "seed": 3})

    newer = f"SELECT COUNT(*) FROM (\n{MODEL}\n) WHERE LAST_CHANGED > CAST(? AS TIMESTAMP_TZ(9))"
    assert report["changed"] == 25
    assert first_row(cursor, newer, watermark + "+00:00") == (25,)


def test_unknown_names_are_refused(warehouse: Warehouse) -> None:
    """A mistyped fault or share is HTTP 400, not silence."""
    for path, body in (("faults", {"loging_503": 1}), ("build", {"chnaged_share": 1})):
        with pytest.raises(urllib.error.HTTPError) as caught:
            warehouse.ask(path, body)
        with caught.value as answer:
            assert answer.code == 400


# Faults


def test_expired_session_is_renewed_unseen(warehouse: Warehouse, cursor: Any) -> None:
    """390112: the connector renews its token and repeats the statement."""
    warehouse.ask("faults", {"session_expired": 1})

    assert first_row(cursor, "SELECT 1") == (1,)


def test_expired_master_token_ends_the_connection(warehouse: Warehouse, cursor: Any) -> None:
    """390114: only a new login helps."""
    warehouse.ask("faults", {"session_expired": 1, "master_expired": 1})

    with pytest.raises(errors.DatabaseError) as caught:
        cursor.execute("SELECT 1")

    assert caught.value.errno == 390114


def test_busy_answers_are_survived(warehouse: Warehouse, cursor: Any) -> None:
    """One 503 on a statement and one on a chunk cost time, no rows."""
    warehouse.ask("faults", {"query_503": 1, "chunk_503": 1})
    rows = cursor.execute(MODEL).fetchall()

    assert first_row(cursor, f"SELECT COUNT(*) FROM (\n{MODEL}\n)") == (len(rows),)


def test_cut_chunk_is_never_taken_for_the_end(warehouse: Warehouse, cursor: Any) -> None:
    """A connection that ends inside a chunk gives all rows on a second try, or an error."""
    (expected,) = first_row(cursor, f"SELECT COUNT(*) FROM (\n{MODEL}\n)")
    warehouse.ask("faults", {"cut_result": 1})
    try:
        rows = cursor.execute(MODEL).fetchall()
    except errors.Error:
        return

    assert expected == len(rows)


def test_stalled_statement_ends_at_the_clients_timeout(
    warehouse: Warehouse, connect: Connect
) -> None:
    """The client gives up in time, and its session can be used again."""
    cursor = connect(query_timeout=1).cursor()
    warehouse.ask("faults", {"stall": 30})
    begin = time.monotonic()

    with pytest.raises(errors.Error):
        cursor.execute("SELECT 1")

    assert time.monotonic() - begin < 5
    assert first_row(cursor, "SELECT 2") == (2,)


# The process


def test_databases_outlive_the_process(tmp_path: Path) -> None:
    """After a stop and after a kill the rows are there; the token differs from any before."""
    tokens, counts = [], []
    for end in (SandboxProcess.stop, SandboxProcess.kill, SandboxProcess.stop):
        warehouse = start(tmp_path, "--rows", "120")
        connection = log_in(warehouse)
        cursor = connection.cursor()
        tokens.append(first_row(cursor, TOKEN))
        counts.append(first_row(cursor, f"SELECT COUNT(*) FROM {TABLE}"))
        cursor.execute("CREATE TABLE IF NOT EXISTS KEPT (A NUMBER(38,0))")
        cursor.execute("INSERT INTO KEPT VALUES (1)")
        counts.append(first_row(cursor, "SELECT COUNT(*) FROM KEPT"))
        connection.close()
        end(warehouse.process)
        if end is SandboxProcess.kill:
            assert warehouse.process.process.stdout is not None
            warehouse.process.process.stdout.close()
        else:
            assert warehouse.process.process.returncode == 0

    assert counts == [(120,), (1,), (120,), (2,), (120,), (3,)]
    assert tokens == sorted(set(tokens))


def test_changes_without_a_seed_differ(warehouse: Warehouse, cursor: Any) -> None:
    """Two trickles touch different rows, so a demo never stands still."""
    (before,) = first_row(cursor, "SELECT SYSDATE()")
    for _ in range(2):
        warehouse.ask("trickle", {"rows": 20})

    newer = f"SELECT COUNT(*) FROM {TABLE} WHERE GITLAB_DOTCOM_LAST_LOGIN_DATE > ?"
    assert first_row(cursor, newer, before)[0] > 30


def test_running_statement_is_canceled_on_the_server(connect: Connect) -> None:
    """A client that gives up frees its session at once, however long the statement would run."""
    cursor = connect(query_timeout=1).cursor()
    begin = time.monotonic()

    with pytest.raises(errors.Error):
        cursor.execute(
            f"SELECT SUM(HASH(a.PREV_HASH, b.PREV_HASH, c.PREV_HASH) % 7)"
            f" FROM {TABLE} a CROSS JOIN {TABLE} b CROSS JOIN {TABLE} c"
        )

    assert first_row(cursor, "SELECT 2") == (2,)
    assert time.monotonic() - begin < 10
