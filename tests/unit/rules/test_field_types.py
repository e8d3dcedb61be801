"""What is certain to be refused is said; what depends on the row is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.records import Column, ColumnType
from worker.rules.field_types import TypeConflict, agreement
from worker.rules.mapping import Constant, Expression, FieldSource, FromColumn

COLUMNS = (
    Column("WHOLE", ColumnType.DECIMAL, 38),
    Column("FRACTION", ColumnType.DECIMAL, 38, 2),
    *(Column(kind.name, kind) for kind in ColumnType if kind is not ColumnType.DECIMAL),
)
WORDS = ("string", "date", "long", "double", "boolean", "object", "geo_location")


def conflicts(
    source: FieldSource, known: Mapping[str, str], field: str = "f"
) -> list[TypeConflict]:
    return list(agreement({field: source}, COLUMNS, known).conflicts)


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (FromColumn("TEXT"), {"string", "date"}),
        (FromColumn("WHOLE"), {"long", "double", "date"}),
        (FromColumn("FRACTION"), {"double"}),
        (FromColumn("FLOAT"), {"double"}),
        (FromColumn("BOOLEAN"), {"boolean"}),
        (FromColumn("DATE"), {"date", "string"}),
        (FromColumn("TIMESTAMP_NTZ"), {"date", "string"}),
        (FromColumn("TIMESTAMP_TZ"), {"date", "string"}),
        (FromColumn("TIME"), {"string"}),
        (FromColumn("BINARY"), {"string"}),
        (FromColumn("TEXT", "long"), {"long", "double", "date"}),
        (FromColumn("TEXT", "string"), {"string"}),
        (FromColumn("GONE", "boolean"), {"boolean"}),
        (Constant(True), {"boolean"}),
        (Constant(1), {"long", "double", "date"}),
        (Constant(1.5), {"double"}),
        (Constant("x"), {"string", "date"}),
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
