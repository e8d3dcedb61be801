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
        'SELECT m."ID", DATE_PART(EPOCH_MICROSECOND, m."CHANGED") AS "CHANGED", '
        'DATE_PART(EPOCH_NANOSECOND, m."CHANGED") AS _HIGHTIDE_WATERMARK\n'
        "FROM (\nSELECT * FROM T -- all\n) m\n"
        'WHERE m."ID" IS NOT NULL AND m."CHANGED" IS NOT NULL AND '
        'm."CHANGED" >= CAST(? AS TIMESTAMP_TZ(9)) AND '
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
    """Without a bound the only condition is that a row can be placed; no bind either."""
    statement = query.read(replace(WINDOW, after=None, before=None))

    assert 'WHERE m."ID" IS NOT NULL AND m."CHANGED" IS NOT NULL\nORDER' in statement.sql
    assert () == statement.binds


@pytest.mark.parametrize(
    ("kind", "number", "cast", "bind"),
    [
        (
            ColumnType.TIMESTAMP_NTZ,
            'DATE_PART(EPOCH_NANOSECOND, m."CHANGED")',
            "TIMESTAMP_NTZ(9)",
            MARK,
        ),
        (
            ColumnType.DATE,
            "DATEDIFF(DAY, CAST('1970-01-01' AS DATE), m.\"CHANGED\")",
            "DATE",
            "2026-11-24",
        ),
        (ColumnType.DECIMAL, 'm."CHANGED"', "NUMBER(38,0)", "1795855500123"),
    ],
)
def test_each_kind_of_watermark_is_bound_as_what_it_is(
    kind: ColumnType, number: str, cast: str, bind: str
) -> None:
    """A wall clock has no offset; dates and integers are compared as such, not as text."""
    columns = (COLUMNS[0], Column("CHANGED", kind, 38, 0))
    statement = query.read(replace(WINDOW, columns=columns, after=Position(bind), before=bind))

    assert f", {number} AS _HIGHTIDE_WATERMARK\nFROM" in statement.sql
    assert f'm."CHANGED" >= CAST(? AS {cast}) AND m."CHANGED" < CAST(? AS {cast})' in statement.sql
    assert (bind, bind) == statement.binds


@pytest.mark.parametrize(
    "column",
    [
        Column("CHANGED", ColumnType.TEXT),
        Column("CHANGED", ColumnType.DECIMAL, 38, 3),
        Column("CHANGED", ColumnType.TIME),
        Column("CHANGED", ColumnType.JSON),
    ],
)
def test_a_watermark_must_be_a_timestamp_a_date_or_a_whole_number(column: Column) -> None:
    """Anything else has no order that a later row is sure to follow."""
    with pytest.raises(ConfigurationError, match="must be a timestamp, a date or a whole number"):
        query.read(replace(WINDOW, columns=(COLUMNS[0], column)))


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
        query.survey(replace(WINDOW, model=replace(MODEL, watermark=name)))


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
    """No window would ever return them; keys that stand twice are counted beside them."""
    assert (
        'SELECT COUNT_IF(m."ID" IS NOT NULL AND m."CHANGED" IS NOT NULL), '
        'COUNT(*) - COUNT(m."ID"), COUNT(*) - COUNT(m."CHANGED"), '
        'COUNT(m."ID") - COUNT(DISTINCT m."ID"), 0\n'
        "FROM (\nSELECT * FROM T -- all\n) m"
    ) == query.survey(replace(WINDOW, after=None, before=None)).sql


def test_a_survey_counts_by_the_conditions_that_the_window_is_read_by() -> None:
    """Were they others, a poll would reserve for rows it does not read, or read unreserved ones."""
    conditions = query.read(WINDOW).sql.split("WHERE ")[1].split("\nORDER")[0]
    statement = query.survey(WINDOW)

    assert f"SELECT COUNT_IF({conditions}), " in statement.sql
    assert (*query.read(WINDOW).binds, f"{WINDOW.before}+00:00") == statement.binds
    assert 'COUNT_IF(m."CHANGED" >= CAST(? AS TIMESTAMP_TZ(9)))' in statement.sql


def test_a_snapshot_is_read_in_the_order_of_its_keys() -> None:
    """Without a watermark: no number beside the rows, a start behind the last key."""
    columns = (COLUMNS[0], Column("NAME", ColumnType.TEXT))
    model = replace(MODEL, watermark=None)
    whole = replace(WINDOW, model=model, columns=columns, after=None, before=None)
    behind = query.read(replace(whole, after=Position("", "k")))

    assert (
        'SELECT m."ID", m."NAME"\nFROM (\nSELECT * FROM T -- all\n) m\n'
        'WHERE m."ID" IS NOT NULL\nORDER BY m."ID" LIMIT 500'
    ) == query.read(whole).sql
    assert 'WHERE m."ID" IS NOT NULL AND m."ID" > ?\nORDER' in behind.sql
    assert ("k",) == behind.binds
