"""The SQL text: values bound, identifiers quoted, one keyset window a statement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, Model, Position, Window
from connectors.snowflake import query

MODEL = Model("people", "SELECT * FROM T -- all\n;\n", "ID", "CHANGED")
COLUMNS = (Column("ID", ColumnType.TEXT), Column("CHANGED", ColumnType.TIMESTAMP_TZ))
MARK = "2026-11-24 08:45:00.123456789"
WINDOW = Window(MODEL, COLUMNS, Position(MARK, "k"), "2026-11-24 09:00:00.000000000", 500)


def test_a_window_is_one_statement_with_bound_values() -> None:
    """Start inside a run of ties, end before the bound, in order, at most so many."""
    statement = query.read(WINDOW)

    assert (
        'SELECT m.*, DATE_PART(EPOCH_NANOSECOND, m."CHANGED") AS _HIGHTIDE_WATERMARK\n'
        "FROM (\nSELECT * FROM T -- all\n) m\n"
        'WHERE m."CHANGED" >= CAST(? AS TIMESTAMP_TZ(9)) AND '
        '(m."CHANGED" > CAST(? AS TIMESTAMP_TZ(9)) OR m."ID" > ?) AND '
        'm."CHANGED" < CAST(? AS TIMESTAMP_TZ(9))\n'
        'ORDER BY m."CHANGED", m."ID" LIMIT 500'
    ) == statement.sql
    late = "2026-11-24 09:00:00.000000000+00:00"
    assert (f"{MARK}+00:00", f"{MARK}+00:00", "k", late) == statement.binds


def test_a_start_without_key_takes_every_key_of_its_value() -> None:
    """The overlap starts at a time, not at a row."""
    statement = query.read(replace(WINDOW, after=Position(MARK), before=None))

    assert (f"{MARK}+00:00",) == statement.binds
    assert " > " not in statement.sql


def test_the_first_window_has_no_start() -> None:
    """No condition at all without a bound, and no bind either."""
    statement = query.read(replace(WINDOW, after=None, before=None))

    assert ("WHERE" in statement.sql, statement.binds) == (False, ())


def test_a_watermark_without_zone_must_be_said_to_be_utc() -> None:
    """Guessing would shift every window by hours."""
    columns = (COLUMNS[0], Column("CHANGED", ColumnType.TIMESTAMP_NTZ))
    with pytest.raises(ConfigurationError, match="watermark_zone: UTC"):
        query.read(replace(WINDOW, columns=columns))

    said = replace(WINDOW, columns=columns, model=replace(MODEL, watermark_zone="UTC"))
    assert "TIMESTAMP_NTZ(9)" in query.read(said).sql
    assert MARK == query.read(said).binds[0]


@pytest.mark.parametrize("kind", [ColumnType.DATE, ColumnType.TEXT, ColumnType.DECIMAL])
def test_a_watermark_must_be_a_timestamp(kind: ColumnType) -> None:
    """A DATE would hold a day of rows back and read them again all day long."""
    with pytest.raises(ConfigurationError, match="must be a timestamp"):
        query.read(replace(WINDOW, columns=(COLUMNS[0], Column("CHANGED", kind))))


def test_an_unknown_watermark_names_the_columns_there_are() -> None:
    """So that a slip is seen at once."""
    with pytest.raises(ConfigurationError, match="no column CHANGED; it has ID"):
        query.read(replace(WINDOW, columns=COLUMNS[:1]))


@pytest.mark.parametrize("name", ['I"D', "ID; DROP TABLE T", "", "1D", "I D", "I'D"])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    """Identifiers can't be bound, so they are checked."""
    with pytest.raises(ConfigurationError, match="not a column name"):
        query.read(replace(WINDOW, model=replace(MODEL, primary_key=name)))
    with pytest.raises(ConfigurationError, match="not a column name"):
        query.missing_values(replace(MODEL, watermark=name))


@pytest.mark.parametrize("name", ["T') --", "T;", "", "T'"])
def test_a_change_token_is_asked_of_objects_only(name: str) -> None:
    """The name stands in a literal."""
    with pytest.raises(ConfigurationError, match="not the name of a table"):
        query.change_token(name)


def test_a_change_token_takes_qualified_and_quoted_names() -> None:
    """Database, schema, name."""
    expected = "SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('DB.\"My Schema\".T')".replace(" S", "_S")

    assert expected == query.change_token('DB."My_Schema".T').sql.replace(" S", "_S")


def test_missing_values_are_counted_over_the_whole_model() -> None:
    """No window would ever return them."""
    assert (
        'SELECT COUNT(*) - COUNT(m."ID"), COUNT(*) - COUNT(m."CHANGED") '
        "FROM (\nSELECT * FROM T -- all\n) m"
    ) == query.missing_values(MODEL).sql
