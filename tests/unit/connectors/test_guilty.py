"""The rows behind a refusal for field types: found at once, and never one that may be accepted."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.iterable.guilty import mistyped
from connectors.iterable.kinds import can_be, kind_of, kinds_named
from tests.unit.connectors.iterable_answers import clash, row


def guilty(fields: dict[str, Any], *rows: dict[str, object]) -> set[int]:
    bodies = [row("7", **fields).body for fields in rows]
    return set(mistyped({"validationErrors": fields}, bodies))


def judged(expected: str, came: str, *values: object, offending: object = None) -> set[int]:
    """Which of these values of one field are at fault."""
    said = clash(expected, *came.split(), value=offending)
    return guilty({"f": said}, *({"f": value} for value in values))


@pytest.mark.parametrize(
    ("expected", "came", "fine", "bad"),
    [
        ("date", "string keyword", ["2001-02-03", "2001-02-03 04:05:06 +00:00"], ["soon", "1 2"]),
        ("date", "long", ["2001-02-03", None], [7, -1]),
        ("long", "string keyword", [7, None], ["x", "y"]),
        ("long", "string keyword", [7], ["2001-02-03", "1 2", "-"]),
        ("long", "date", [7], ["soon"]),
        ("long", "double", [7, 7.0], [7.5]),
        ("long", "boolean", [7], [True, False]),
        ("long", "object", [7], [{"a": 1}, {}]),
        ("double", "string keyword", [7, 7.5], ["x"]),
        ("double", "boolean", [7, 7.5], [True]),
        ("string", "long", ["7", "2001-02-03"], [7]),
        ("string", "boolean", ["true"], [True]),
        ("string", "object", ["{}"], [{"a": 1}]),
        ("keyword", "double", ["x"], [7.5]),
        ("boolean", "string keyword", [True], ["x", "yes"]),
        ("boolean", "long", [True], [1, 0]),
        ("object", "string keyword", [{"a": 1}, {}], ["x", "2001-02-03"]),
        ("nested", "long", [{"a": 1}], [7]),
        ("geo_location", "object", [{"lat": 1.5, "lon": 2}], [{"a": 1}]),
        ("geo_location", "long", [{"lat": 1.5, "lon": 2}], [7]),
    ],
)
def test_all_values_of_the_refused_type_are_at_fault(
    expected: str, came: str, fine: list[object], bad: list[object]
) -> None:
    """What is refused in one row is refused in every row; what fits stays."""
    indexes = set(range(len(fine), len(fine) + len(bad)))

    assert indexes == judged(expected, came, *fine, *bad)


@pytest.mark.parametrize(
    ("expected", "came", "value"),
    [
        ("long", "string keyword", "123"),
        ("long", "double", 7.0),
        ("double", "string keyword", " 1.5"),
        ("boolean", "string keyword", "true"),
        ("date", "string keyword", "2020-04-13 14:04:09.000"),
        ("date", "string keyword", "2024/05/06"),
        ("date", "string keyword", "20260101"),
        ("date", "string keyword", "1577836800"),
        ("date", "string keyword", ""),
        ("long", "string keyword", ""),
        ("double", "string keyword", ""),
        ("geo_location", "string keyword", "1.5,2.5"),
        ("ip", "string keyword", "x"),
    ],
)
def test_what_may_be_turned_into_the_type_is_left_open(
    expected: str, came: str, value: object
) -> None:
    """Not documented: unless the refusal names this very value, bisection decides."""
    assert set() == judged(expected, came, value)
    assert {0} == judged(expected, came, value, offending=value)


def test_the_value_named_is_at_fault_wherever_it_stands_in_that_field() -> None:
    """By its type too: to Python 1, 1.0 and true are equal."""
    assert {1, 3} == judged("ip", "long", 1.0, 1, True, 1, "1", 2, offending=1)


def test_an_element_of_an_array_is_at_fault_for_its_row() -> None:
    """An array has the type of its elements, however deep they are."""
    assert {1, 3} == judged("long", "string", [1, 2], [1, "x"], [], [[], [["y"], 1]])


def test_a_dotted_field_is_looked_for_inside_objects() -> None:
    """`address.city` is a field of an object, of each object of an array, or a name with a dot."""
    said = {"address.city": clash("string", "long")}

    assert {0, 2, 4} == guilty(
        said,
        {"address": {"city": 7}},
        {"address": {"city": "Rome", "code": 7}, "city": 7},
        {"address": [{"city": "Rome"}, {"city": 7}]},
        {"address": 7},
        {"address.city": 7},
        {"Address": {"City": 7}},
    )


def test_several_fields_are_looked_through_together() -> None:
    """Each with its own types."""
    said = {"a": clash("long", "string"), "b": clash("date", "long")}

    assert {0, 2} == guilty(said, {"a": "x", "b": "2001-02-03"}, {"a": 1}, {"b": 7}, {"c": "x"})


DEEP_JSON = b'[{"a":' * 400 + b"7" + b"}]" * 400
DEEP: Any = orjson.loads(DEEP_JSON)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"validationErrors": None},
        {"validationErrors": [1]},
        {"validationErrors": {"f": "x"}},
        {"validationErrors": {"f": {}}},
        {"validationErrors": {"f": {"expectedType": 1, "incomingTypes": "string"}}},
        {"validationErrors": {"f": {"expectedType": "long", "incomingTypes": [1, None, [], "?"]}}},
        {"validationErrors": {"": clash("long", "string"), ".": clash("long", "string")}},
        {"validationErrors": {"f.": clash("long", "string"), ".f": clash("long", "string")}},
        {"validationErrors": {"f": clash("?", "string", value=DEEP)}},
        {"validationErrors": {".".join("a" * 400): clash("string", "string", value=DEEP)}},
    ],
)
def test_an_unclear_refusal_blames_nobody(params: dict[str, Any]) -> None:
    """It raises nothing either."""
    deep = b'{"dataFields":{"f":"x","a":' + DEEP_JSON + b"}}"
    bodies = [deep, row("8", a="x").body]

    assert frozenset() == mistyped(params, bodies)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{}", b'{"dataFields":null}', b"\xff"])
def test_a_row_without_fields_is_never_at_fault(body: bytes) -> None:
    """A member of a list has none."""
    assert frozenset() == mistyped({"validationErrors": {"f": clash("long", "string")}}, [body])


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.0, 1.5, -2.0]),
    st.sampled_from(["", "x", "7", "2001-02-03", "2001-02-03 04:05:06 +00:00", "true"]),
    st.just({"lat": 1.0, "lon": 2.0}),
    st.just({"a": 1}),
)
KINDS = ["string", "date", "long", "double", "boolean", "object", "geo_location"]


@settings(deadline=None)
@given(st.lists(values, max_size=20), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_a_row_is_blamed_only_for_a_value_that_came_and_cannot_stay(
    drawn: list[object], expected: str, came: str
) -> None:
    """The others are the sender's to find out; every value just as impossible is blamed with it."""
    found = judged(expected, came, *drawn)
    impossible = {
        index
        for index, value in enumerate(drawn)
        if kind_of(value) in kinds_named([came]) and not can_be(value, expected)
    }

    assert impossible == found


@settings(deadline=None)
@given(values, st.sampled_from(["string", "long", "boolean"]))
def test_a_value_can_be_of_its_own_type(value: object, other: str) -> None:
    """And a null of every type."""
    kind = kind_of(value)

    assert kind is None or can_be(value, kind)
    assert kind is not None or set() == judged(other, "string long", value)


@settings(deadline=None, max_examples=50)
@given(st.sets(st.integers(0, 999), max_size=100))
def test_all_of_a_thousand_rows_are_judged_by_one_refusal(bad: set[int]) -> None:
    """However many are at fault, and wherever they stand."""
    bodies = [orjson.dumps({"dataFields": {"n": "many" if n in bad else n}}) for n in range(1_000)]

    assert bad == mistyped({"validationErrors": {"n": clash("long", "string")}}, bodies)
