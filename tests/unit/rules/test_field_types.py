"""What is certain to be refused is said; what depends on the row is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.iterable.kinds import can_be
from connectors.records import Column, ColumnType
from worker.rules.field_types import TypeConflict, agreement
from worker.rules.mapping import Constant, Expression, FieldSource, FromColumn

COLUMNS = (
    Column("WHOLE", ColumnType.DECIMAL, 38),
    Column("FRACTION", ColumnType.DECIMAL, 38, 2),
    *(Column(kind.name, kind) for kind in ColumnType if kind is not ColumnType.DECIMAL),
)
TEXT = {"string", "date", "long", "double", "boolean", "geo_location"}
WORDS = ("string", "date", "long", "double", "boolean", "object", "geo_location")


def conflicts(
    source: FieldSource, known: Mapping[str, str], field: str = "f"
) -> list[TypeConflict]:
    return list(agreement({field: source}, COLUMNS, known).conflicts)


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (FromColumn("TEXT"), TEXT),
        (FromColumn("WHOLE"), {"long", "double", "date"}),
        (FromColumn("FRACTION"), {"double", "long"}),
        (FromColumn("FLOAT"), {"double", "long"}),
        (FromColumn("BOOLEAN"), {"boolean"}),
        (FromColumn("DATE"), {"date", "string", "geo_location"}),
        (FromColumn("TIMESTAMP_NTZ"), {"date", "string", "geo_location"}),
        (FromColumn("TIMESTAMP_TZ"), {"date", "string", "geo_location"}),
        (FromColumn("TIME"), TEXT),
        (FromColumn("BINARY"), TEXT),
        (FromColumn("TEXT", "long"), {"long", "double", "date"}),
        (FromColumn("TEXT", "string"), TEXT),
        (FromColumn("GONE", "boolean"), {"boolean"}),
        (Constant(True), {"boolean"}),
        (Constant(1), {"long", "double", "date"}),
        (Constant(1.5), {"double", "long"}),
        (Constant("x"), TEXT),
        (FromColumn("JSON"), set(WORDS)),
        (FromColumn("GONE"), set(WORDS)),
        (Expression("1", frozenset()), set(WORDS)),
    ],
)
def test_each_kind_has_the_types_that_take_it(source: FieldSource, taken: set[str]) -> None:
    """Every other is a conflict; of what is not known beforehand, none is."""
    found = {word for word in WORDS if not conflicts(source, {"f": word})}

    assert taken == found


@pytest.mark.parametrize(
    ("source", "values"),
    [
        (FromColumn("TEXT"), ["", "x", "7", "1.5", "true", "2026-11-04"]),
        (FromColumn("WHOLE"), [0, 7, 1_767_268_800]),
        (FromColumn("FRACTION"), [7.0, 1.5]),
        (FromColumn("BOOLEAN"), [True, False]),
        (FromColumn("DATE"), ["2026-11-04"]),
        (FromColumn("TIMESTAMP_TZ"), ["2026-11-04 08:45:01 +00:00"]),
    ],
)
def test_a_conflict_is_one_for_whoever_reads_the_answers_too(
    source: FieldSource, values: list[object]
) -> None:
    """What counts as open when a call was refused stops no sync before its first row."""
    taken = {word for word in WORDS if not conflicts(source, {"f": word})}
    open_there = {word for word in WORDS if any(can_be(value, word) for value in values)}

    # Nobody has tried whether a number is taken for the moment it may be: it stops nobody.
    assert open_there == taken - ({"date"} if source == FromColumn("WHOLE") else set())


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"a": "string"}, [TypeConflict("a", "object", "string")]),
        ({"a": "object", "a.b": "long"}, [TypeConflict("a.b", "boolean", "long")]),
        ({"a": "object", "a.b": "boolean"}, []),
        ({"a": "object"}, []),
        ({"b": "long"}, []),
    ],
)
def test_nested_fields_have_dotted_names(
    known: Mapping[str, str], expected: list[TypeConflict]
) -> None:
    """And what holds them must be an object."""
    assert expected == conflicts(FromColumn("BOOLEAN"), known, "a.b")


def test_a_word_that_is_not_known_says_nothing() -> None:
    """Iterable may have types that nobody wrote down."""
    assert [] == conflicts(FromColumn("BOOLEAN"), {"f": "keyword"})


@pytest.mark.parametrize(
    ("conflict", "sentence"),
    [
        (
            TypeConflict("a", "boolean", "long"),
            (
                "field a is long in Iterable and boolean here: pin it ({column: …, type: long}) "
                "where its values allow that, or map it to another field"
            ),
        ),
        (
            TypeConflict("a", "date", "geo_location"),
            "field a is geo_location in Iterable and date here: map it to another field",
        ),
        (
            TypeConflict("a", "object", "string"),
            "field a is string in Iterable and object here: map it to another field",
        ),
    ],
)
def test_a_conflict_names_both_types_and_the_cure(conflict: TypeConflict, sentence: str) -> None:
    """One sentence a field."""
    assert sentence == str(conflict)


def test_fields_that_are_not_there_will_be_created() -> None:
    """In the order of the mapping."""
    fields: dict[str, FieldSource] = {
        "new": FromColumn("TEXT"),
        "old": FromColumn("TEXT"),
        "a.b": Constant(1),
    }

    assert ("new", "a.b") == agreement(fields, COLUMNS, {"old": "string", "a": "object"}).created
