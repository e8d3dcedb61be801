"""Change tokens of PostgreSQL: what is counted, of which objects, and what is not looked into."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.errors import ConfigurationError
from connectors.postgres.source import PostgresSource
from tests.closing import closed_after
from tests.contract.source_desks import PostgresDesk
from tests.postgres import PostgresServer, run_standby

pytestmark = pytest.mark.postgres


@pytest.fixture
async def source(postgres: PostgresServer) -> AsyncIterator[PostgresSource]:
    async with closed_after(PostgresSource(postgres.options)) as port:
        yield port


@pytest.fixture
def table(postgres: PostgresServer) -> str:
    """A table with three rows."""
    name = PostgresDesk(postgres).new_name()
    postgres.run(f"CREATE TABLE {name} AS SELECT i, i AS n FROM generate_series(1, 3) i")
    return name


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE {0}",
        "ALTER TABLE {0} ADD COLUMN added int DEFAULT 7",
        "ALTER TABLE {0} ALTER COLUMN n TYPE text",
        "DROP TABLE {0}; CREATE TABLE {0} AS SELECT i, i AS n FROM generate_series(1, 3) i",
        "ALTER TABLE {0} RENAME TO {0}_old; CREATE TABLE {0} AS SELECT * FROM {0}_old",
        "COPY {0} FROM PROGRAM 'echo 4 4' DELIMITER ' '",
        "INSERT INTO {0} SELECT * FROM {0} LIMIT 1",
    ],
    ids=["truncate", "column", "rewrite", "drop", "swap", "copy", "insert"],
)
async def test_every_way_to_change_a_table_counts(
    source: PostgresSource, postgres: PostgresServer, table: str, change: str
) -> None:
    """Also those that count no row, as a rebuild does: files and catalogue rows are new."""
    first = await source.change_token([table])
    postgres.run(*change.format(table).split("; "))

    assert first != await source.change_token([table])


async def test_upkeep_is_no_change(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """Else autovacuum would start a query."""
    first = await source.change_token([table])
    postgres.run(f"ANALYZE {table}", f"VACUUM {table}", f"SELECT * FROM {table}", "CHECKPOINT")

    assert first == await source.change_token([table])


@pytest.mark.parametrize(
    "above",
    [
        "CREATE VIEW {0}_top AS SELECT * FROM {0}",
        "CREATE VIEW {0}_mid AS SELECT * FROM {0}; CREATE VIEW {0}_top AS SELECT * FROM {0}_mid",
        "CREATE TABLE {0}_top (LIKE {0}); ALTER TABLE {0} INHERIT {0}_top",
        (
            "CREATE TABLE {0}_top (LIKE {0}) PARTITION BY LIST (i); "
            "ALTER TABLE {0}_top ATTACH PARTITION {0} DEFAULT"
        ),
    ],
    ids=["view", "view of a view", "inheritance", "partitions"],
)
async def test_an_object_counts_with_everything_below_it(
    source: PostgresSource, postgres: PostgresServer, table: str, above: str
) -> None:
    """Only the tables at the bottom have counters."""
    postgres.run(*above.format(table).split("; "))
    first = await source.change_token([f"{table}_top"])
    assert first == await source.change_token([f"{table}_top"])
    postgres.run(f"UPDATE {table} SET n = n + 1")

    assert first != await source.change_token([f"{table}_top"])


async def test_a_view_that_is_replaced_is_another_one(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """It shows other rows of the same table."""
    postgres.run(f"CREATE VIEW {table}_top AS SELECT * FROM {table}")
    first = await source.change_token([f"{table}_top"])
    postgres.run(f"CREATE OR REPLACE VIEW {table}_top AS SELECT * FROM {table} WHERE i > 1")

    assert first != await source.change_token([f"{table}_top"])


async def test_a_materialized_view_changes_when_it_is_refreshed(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """Not with the table it was made from."""
    postgres.run(f"CREATE MATERIALIZED VIEW {table}_top AS SELECT * FROM {table}")
    first = await source.change_token([f"{table}_top"])
    postgres.run(f"UPDATE {table} SET n = n + 1")
    assert first == await source.change_token([f"{table}_top"])

    postgres.run(f"REFRESH MATERIALIZED VIEW {table}_top")
    assert first != await source.change_token([f"{table}_top"])


async def test_counters_that_begin_again_are_no_old_state(
    source: PostgresSource, postgres: PostgresServer, table: str
) -> None:
    """Reset twice they stand at 0 both times; the rows are others."""
    postgres.run(f"SELECT pg_stat_reset_single_table_counters('{table}'::regclass)")
    first = await source.change_token([table])
    postgres.run(f"UPDATE {table} SET n = n + 1")
    postgres.run(f"SELECT pg_stat_reset_single_table_counters('{table}'::regclass)")

    assert first != await source.change_token([table])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_table", "no table or view 'no_such_table'"),
        ("far_away", "'far_away' is, or reads, something whose changes PostgreSQL does not count"),
        ("near_by", "'near_by' is, or reads, something whose changes PostgreSQL does not count"),
    ],
)
async def test_what_is_not_counted_is_a_persons_job(
    source: PostgresSource, postgres: PostgresServer, name: str, sentence: str
) -> None:
    """A token of it would stand still for ever."""
    postgres.run(
        "DROP FOREIGN DATA WRAPPER IF EXISTS afar CASCADE",
        "CREATE FOREIGN DATA WRAPPER afar",
        "CREATE SERVER afar FOREIGN DATA WRAPPER afar",
        "CREATE FOREIGN TABLE far_away (k text) SERVER afar",
        "CREATE VIEW near_by AS SELECT * FROM far_away",
    )
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        await source.change_token([name])

    assert "change_token" == caught.value.kind


async def test_a_server_that_does_not_count_is_a_persons_job(
    postgres: PostgresServer, table: str
) -> None:
    """Said before a token is taken for one."""
    options = {**postgres.options, "user": "owner", "options": "-c track_counts=off"}
    async with closed_after(PostgresSource(options)) as source:
        with pytest.raises(ConfigurationError, match="track_counts, which is off"):
            await source.change_token([table])


async def test_a_standby_has_a_token_too(postgres: PostgresServer, table: str) -> None:
    """It counts nothing of its own: the place it has replayed moves with every change."""
    with run_standby(postgres) as standby:
        async with closed_after(PostgresSource(standby.options)) as source:
            first = await source.change_token([table])
            assert first == await source.change_token([table])
            postgres.run(f"UPDATE {table} SET n = n + 1")
            place = postgres.value("SELECT pg_current_wal_lsn()")
            await standby.until_value(f"SELECT pg_last_wal_replay_lsn() >= '{place}'")

            assert first != await source.change_token([table])
            assert await source.clock_ns() > 0
