"""The SQL text for PostgreSQL: values bound, identifiers quoted, one keyset window a statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.postgres import query
from connectors.postgres.types import Described, Native, TypeFacts, natives
from connectors.records import ColumnType, Model, Position, Window
from worker.rules.watermark import to_text

MODEL = Model("people", "SELECT * FROM t -- all\n;\n", "id", "changed")
OIDS = {"text": 25, "int4": 23, "uuid": 2950, "timestamptz": 1184, "timestamp": 1114, "date": 1082}
MARK = "2026-11-24 08:45:00.123456000"
END = "2026-11-24 09:00:00.000000000"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def columns(key: str = "text", watermark: str = "timestamptz") -> tuple[Native, ...]:
    described = (Described("id", OIDS[key]), Described("changed", OIDS[watermark]))
    return natives("people", described, {})


def window(found: tuple[Native, ...], after: Position | None, before: str | None) -> Window:
    return Window(MODEL, tuple(native.column for native in found), after, before, 500)


def read(after: Position | None, before: str | None = None, **types: str) -> query.Statement:
    found = columns(**types)
    return query.read(window(found, after, before), found)


def test_a_window_is_one_statement_with_bound_values() -> None:
    """Start inside a run of ties, end before the bound, in order, at most so many."""
    statement = read(Position(MARK, "k"), END)

    assert (
        'SELECT m."id" AS "id", m."changed" AS "changed"\n'
        "FROM (\nSELECT * FROM t -- all\n) m\n"
        'WHERE m."id" COLLATE "C" IS NOT NULL AND m."changed" IS NOT NULL AND '
        '(m."changed", m."id" COLLATE "C") > ($1::timestamptz, $2::text) AND '
        'm."changed" < $3::timestamptz\n'
        'ORDER BY m."changed", m."id" COLLATE "C" LIMIT 500'
    ) == statement.sql
    assert (
        "2026-11-24 08:45:00.123456+00",
        "k",
        "2026-11-24 09:00:00.000000+00",
    ) == statement.binds


def test_a_start_without_key_takes_every_key_of_its_value() -> None:
    """The overlap starts at a time, not at a row."""
    statement = read(Position(MARK))

    assert 'm."changed" >= $1::timestamptz' in statement.sql
    assert ("2026-11-24 08:45:00.123456+00",) == statement.binds


@pytest.mark.parametrize(
    ("key", "order"),
    [("text", 'm."id" COLLATE "C"'), ("int4", 'm."id"'), ("uuid", 'm."id"')],
)
def test_a_key_is_ordered_by_what_it_is(key: str, order: str) -> None:
    """Text by its bytes, numbers and uuids as the server has them, so that indexes serve."""
    statement = read(Position(MARK, "1"), key=key)
    bound = {"text": "text", "int4": "int8", "uuid": "uuid"}[key]

    assert statement.sql.endswith(f'ORDER BY m."changed", {order} LIMIT 500')
    assert f'(m."changed", {order}) > ($1::timestamptz, $2::{bound})' in statement.sql


@pytest.mark.parametrize(
    ("watermark", "text", "bound"),
    [("timestamp", MARK, MARK[:26]), ("date", "2026-11-24", "2026-11-24"), ("int4", "7", "7")],
)
def test_other_watermarks_are_bound_as_they_are(watermark: str, text: str, bound: str) -> None:
    """No zone is put behind them, and an index on the column can be used."""
    statement = read(Position(text), text, watermark=watermark)

    assert (bound, bound) == statement.binds
    assert f"$1::{'int8' if watermark == 'int4' else watermark}" in statement.sql


@given(st.integers(0, 4 * 10**18), st.booleans())
def test_a_bound_is_exact_to_the_nanosecond(nanoseconds: int, keyed: bool) -> None:  # noqa: FBT001
    """Of the microseconds around it exactly those above it are read.

    A row at 123456 µs lies before a start of 123456.001 µs and after one of 123455.999 µs.
    """
    statement = read(Position(to_text(nanoseconds), "k" if keyed else None), to_text(nanoseconds))
    start, end = statement.binds[0], statement.binds[-1]
    assert isinstance(start, str)
    floor = (datetime.fromisoformat(start) - EPOCH) // timedelta(microseconds=1)
    exact = nanoseconds % 1_000 == 0

    assert start == end
    assert floor == nanoseconds // 1_000
    assert (keyed and exact) == (", $2::text)" in statement.sql)
    assert statement.sql.count("interval '1 microsecond'") == (0 if exact else 2)


def test_a_snapshot_knows_keys_only() -> None:
    """The watermark column, if there is one, is a column like others."""
    found = columns()
    model = replace(MODEL, watermark=None)
    statement = query.read(replace(window(found, Position("", "k"), None), model=model), found)

    assert 'WHERE m."id" COLLATE "C" IS NOT NULL AND m."id" COLLATE "C" > $1::text' in statement.sql
    assert 'ORDER BY m."id" COLLATE "C" LIMIT 500' in statement.sql
    assert ("k",) == statement.binds


def test_a_survey_returns_no_key() -> None:
    """Numbers over the whole model, in one pass."""
    found = columns()
    statement = query.survey(window(found, None, None), found)
    key = 'm."id" COLLATE "C"'

    assert (
        f'SELECT count(*) FILTER (WHERE {key} IS NOT NULL AND m."changed" IS NOT NULL), '
        f'count(*) - count({key}), count(*) - count(m."changed"), '
        f"count({key}) - count(DISTINCT {key}), 0\nFROM (\nSELECT * FROM t -- all\n) m"
    ) == statement.sql


@pytest.mark.parametrize("name", ['i"d', "id; DROP TABLE t", "", "1d", "i d", "i'd"])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    """Key and watermark are named by a person, so they are checked."""
    for model in (replace(MODEL, primary_key=name), replace(MODEL, watermark=name)):
        with pytest.raises(ConfigurationError, match="not a column name"):
            query.check_columns(model, columns())


def test_other_columns_may_have_any_name() -> None:
    """They are quoted; braces and quotes in them mean nothing."""
    found = (*columns(), *natives("people", [Described('a"{}; --', 2950)], {}))

    statement = query.read(window(found, None, None), found)

    assert 'm."a""{}; --"::text AS "a""{}; --"\n' in statement.sql


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (Described("x", 1700, 10, 2), (ColumnType.DECIMAL, 10, 2)),
        (Described("x", 21), (ColumnType.DECIMAL, 5, 0)),
        (Described("x", 9_001), (ColumnType.TEXT, 0, 0)),
        (Described("x", 9_002), (ColumnType.JSON, 0, 0)),
        (Described("x", 9_003), (ColumnType.JSON, 0, 0)),
        (Described("x", 9_004), (ColumnType.TEXT, 0, 0)),
    ],
    ids=["numeric", "int2", "enum", "array", "composite", "citext"],
)
def test_types_have_our_names(described: Described, expected: tuple[object, ...]) -> None:
    """Those of the database itself by what kind they are."""
    facts = {
        9_001: TypeFacts("mood", "e", "E"),
        9_002: TypeFacts("integer[]", "b", "A"),
        9_003: TypeFacts("address", "c", "C"),
        9_004: TypeFacts("citext", "b", "S"),
    }
    [native] = natives("people", [described], facts)

    assert expected == (native.column.type, native.column.precision, native.column.scale)


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        (Described("x", 1186), "column x has the type interval.*cast it in the SQL"),
        (Described("x", 9_999), "column x has the type with oid 9999"),
        (Described("x", 1700), "numeric without a fixed number of decimals.*::numeric"),
        (Described("x", 1700, 39, 0), "more than 38 digits"),
        (Described("x", 1700, 5, -2), "numeric without a fixed number"),
        (Described("x", 1700, 2, 4), "numeric without a fixed number"),
    ],
)
def test_a_type_without_a_form_is_refused(described: Described, sentence: str) -> None:
    """Named with its column, and what to write instead."""
    with pytest.raises(ConfigurationError, match=sentence):
        natives("people", [described], {1186: TypeFacts("interval", "b", "T")})


def test_two_columns_of_one_name_are_refused() -> None:
    """`SELECT a.*, b.*` easily has them."""
    with pytest.raises(ConfigurationError, match="two columns id"):
        natives("people", [Described("id", 25), Described("id", 23)], {})


@pytest.mark.parametrize("oid", [16, 17, 114, 701, 1083, 3802])
def test_what_has_no_order_of_its_own_is_no_key(oid: int) -> None:
    """Floats are not equal to themselves, JSON not even comparable."""
    found = natives("people", [Described("id", oid), Described("changed", 1184)], {})
    with pytest.raises(ConfigurationError, match="the key id must be text"):
        query.check_columns(MODEL, found)
