"""The row hash is blind to what only looks different, and to nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Column, ColumnType
from worker.rules.fingerprint import HASH_BYTES, canonical_text, key_text, row_hasher

NESTED = "[" * 300 + "]" * 300
COLUMNS = (
    Column("NAME", ColumnType.TEXT),
    Column("AMOUNT", ColumnType.DECIMAL, 38, 2),
    Column("DATA", ColumnType.JSON),
    Column("HASH", ColumnType.TEXT),
)
digest = row_hasher(COLUMNS, {"HASH"})


def row(data: Any = None, name: str | None = "Ann", amount: Any = None, other: Any = None) -> Any:
    text = None if data is None else orjson.dumps(data).decode()
    return (name, amount, text, other)


scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("abAB", max_size=3)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=12,
)


def shuffled(value: Any, dice: Any) -> Any:
    """Return the same content in another order: of keys, and of objects in arrays of objects."""
    if isinstance(value, dict):
        items = [(key, shuffled(inner, dice)) for key, inner in value.items()]
        dice.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        found = [shuffled(inner, dice) for inner in value]
        if all(isinstance(inner, dict) for inner in found):
            dice.shuffle(found)
        return found
    return value


def normal(value: Any) -> Any:
    """Return a value that is equal exactly for equal content: the definition, written plainly."""
    if isinstance(value, dict):
        return {"object": sorted((k, repr(normal(v))) for k, v in value.items())}
    if isinstance(value, list):
        found = [normal(v) for v in value]
        objects = value and all(isinstance(v, dict) for v in value)
        return {"set": sorted(map(repr, found))} if objects else {"list": found}
    return (type(value).__name__, value)


@given(trees, st.randoms(use_true_random=False))
def test_order_of_keys_and_objects_is_no_change(data: Any, dice: Any) -> None:
    """At any depth; GitLab's arrays come in another order with every build."""
    assert digest(row(data)) == digest(row(shuffled(data, dice)))


@given(trees, trees)
def test_everything_else_is_a_change(one: Any, other: Any) -> None:
    """Two contents have one hash exactly if they are equal; `1`, `true` and `"1"` are three."""
    same = repr(normal(one)) == repr(normal(other)) and (one is None) == (other is None)

    assert same == (digest(row(one)) == digest(row(other)))


def test_order_of_plain_values_is_a_change() -> None:
    """A list of names may be a ranking; a mixed list too."""
    assert digest(row([1, 2])) != digest(row([2, 1]))
    assert digest(row([{"a": 1}, 2])) != digest(row([2, {"a": 1}]))


def test_how_often_an_object_stands_in_an_array_counts() -> None:
    """A set by order, not by number."""
    assert digest(row([{"a": 1}])) != digest(row([{"a": 1}, {"a": 1}]))


def test_null_and_absent_are_one() -> None:
    """A new column that is still empty changes no hash; one that is filled does."""
    wider = row_hasher((*COLUMNS, Column("NEW", ColumnType.DATE)), {"HASH"})

    assert digest(row()) == wider((*row(), None))
    assert digest(row()) != wider((*row(), "2026-01-01"))


def test_empty_text_is_not_null() -> None:
    """A name that was taken away is a change."""
    assert digest(row(name="")) != digest(row(name=None))


def test_ignored_columns_do_not_count_and_all_others_do() -> None:
    """The watermark, and a hash over the array whose order flaps."""
    assert digest(row(other="x")) == digest(row(other="y"))
    assert digest(row(name="x")) != digest(row(name="y"))


def test_white_space_of_json_is_no_change() -> None:
    """Snowflake prints ARRAY columns over many lines."""
    assert digest(("Ann", None, '[\n  {\n "a": 1 }\n]', None)) == digest(row([{"a": 1}]))


def test_json_text_and_json_are_told_apart() -> None:
    """The text `1` in a text column is not the number in a JSON column."""
    text = row_hasher((Column("X", ColumnType.TEXT),), ())
    json = row_hasher((Column("X", ColumnType.JSON),), ())

    assert text(("1",)) != json(("1",))


@pytest.mark.parametrize("text", ["[\n undefined\n]", "{", "", NESTED])
def test_what_is_no_json_is_hashed_as_it_stands(text: str) -> None:
    """Snowflake's `undefined`; nesting that orjson reads but does not write; never an error."""
    assert text == canonical_text(text)
    assert HASH_BYTES == len(digest(("Ann", None, text, None)))


def test_values_without_a_json_form_have_one_here() -> None:
    """Decimals by their digits, bytes by their hex; anything else is a mistake of ours."""
    assert digest(row(amount=Decimal("1.10"))) != digest(row(amount=Decimal("1.11")))
    assert digest(row(amount=Decimal("1.10"))) != digest(row(amount="1.10"))
    assert digest(row(amount=b"\1")) != digest(row(amount=b"\2"))
    with pytest.raises(TypeError, match="not JSON serializable"):
        digest(row(amount=object()))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a@b.c", "a@b.c"),
        (7, "7"),
        (Decimal(7), "7"),
        (Decimal("7.00"), "7"),
        (Decimal("1E+2"), "100"),
        (Decimal("7.5"), "7.5"),
        (Decimal("1" + "0" * 37), "1" + "0" * 37),
    ],
)
def test_one_key_has_one_text(value: object, text: str) -> None:
    """However the connector hands a number over."""
    assert text == key_text(value)
