"""Field types are born with the first value and fixed from then on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.sandbox.iterable.calls import RefusedError
from connectors.sandbox.iterable.fields import FieldCheck, FieldTree


def look(
    tree: FieldTree, *rows: dict[str, Any], create: bool = True, limit: int = 1000
) -> FieldCheck:
    """Check rows as one request."""
    check = FieldCheck(create=create, limit=limit)
    for row in rows:
        check.look(tree, row)
    check.close(tree)
    return check


def mismatch(tree: FieldTree, row: dict[str, Any]) -> Any:
    """The params of the refusal that the row must meet."""
    with pytest.raises(RefusedError) as caught:
        look(tree, row)
    assert caught.value.answer.status == 400
    body = caught.value.answer.body
    assert isinstance(body, bytes)
    return orjson.loads(body)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "string"),
        ("2020-04-13", "date"),
        (1, "long"),
        (1.0, "double"),
        (True, "boolean"),
        ({"a": 1}, "object"),
        ([1, 2], "long"),
        ([[None, "x"]], "string"),
        ([{"a": 1}], "object"),
    ],
)
def test_the_first_value_gives_a_field_its_type(value: object, kind: str) -> None:
    """An array has the type of its elements."""
    tree = FieldTree("user")
    look(tree, {"f": value})

    assert kind == tree.kinds()["f"]


def test_only_a_field_named_so_is_a_place() -> None:
    """Lat and lon make a place of a field that ends in _geo_location, else an object."""
    tree = FieldTree("user")
    place = {"lat": 1.5, "lon": 2}
    look(tree, {"home_geo_location": dict(place), "home": dict(place)})

    assert tree.kinds()["home_geo_location"] == "geo_location"
    assert tree.kinds()["home"] == "object"


@pytest.mark.parametrize("value", [None, [], [None]])
def test_no_value_makes_no_field(value: object) -> None:
    """Null and the empty array say nothing about a type."""
    tree = FieldTree("user")

    assert look(tree, {"f": value}).created == {}
    assert tree.kinds() == {}


def test_nested_fields_have_dotted_names() -> None:
    """Objects, also those in arrays, bring a field for each key."""
    tree = FieldTree("user")
    check = look(tree, {"o": {"a": 1, "p": {"q": "x"}}, "l": [{"b": 1}, {"c": True}]})

    assert list(check.created) == ["o", "o.a", "o.p", "o.p.q", "l", "l.b", "l.c"]
    assert {"l.b": "long", "l.c": "boolean", "o.p.q": "string"}.items() <= tree.kinds().items()


@pytest.mark.parametrize(
    ("first", "then"), [(1.5, 2), ("x", "2020-04-13"), (1, [2, 3]), ([1], 2), (1, None)]
)
def test_a_value_that_fits_is_taken(first: object, then: object) -> None:
    """A whole number fits a double, any text fits a string, one value fits an array."""
    tree = FieldTree("user")
    look(tree, {"f": first})
    look(tree, {"f": then})

    assert tree.count == 1


@pytest.mark.parametrize(
    ("first", "then", "incoming"),
    [
        (1, 2.5, ["double"]),
        (1, "1", ["string", "keyword"]),
        (1, True, ["boolean"]),
        (True, 1, ["long"]),
        ("x", 1, ["long"]),
        ("x", {"a": 1}, ["object"]),
        ({"a": 1}, "x", ["string", "keyword"]),
        ("2020-04-13", "GGG", ["string", "keyword"]),
        ("2020-04-13", 5, ["long"]),
    ],
)
def test_a_value_of_another_type_refuses_the_request(
    first: object, then: object, incoming: list[str]
) -> None:
    """The refusal names field, both types and the value."""
    tree = FieldTree("user")
    look(tree, {"f": first})
    kind = tree.kinds()["f"]

    body = mismatch(tree, {"f": then})

    assert body["code"] == "RequestFieldsTypesMismatched"
    assert {
        "incomingTypes": incoming,
        "expectedType": kind,
        "_type": "UnexpectedType",
        "offendingValue": then,
        "category": "user",
    } == body["params"]["validationErrors"]["f"]


def test_one_wrong_element_deep_inside_refuses_the_request() -> None:
    """The dotted name leads to it."""
    tree = FieldTree("user")
    look(tree, {"l": [{"a": [1]}]})

    body = mismatch(tree, {"l": [{"a": [1]}, {"a": [2, "x"]}]})

    assert body["params"]["validationErrors"]["l.a"]["offendingValue"] == "x"


def test_a_refused_request_leaves_no_field_behind() -> None:
    """Fields it brought to life before the bad value die with it, nested ones too."""
    tree = FieldTree("user")
    look(tree, {"f": 1})
    mismatch(tree, {"new": {"a": 1, "b": {"c": 2}}, "f": "x"})

    assert tree.kinds() == {"f": "long"}
    assert tree.count == 1


def test_two_rows_of_one_request_must_agree_on_a_new_field() -> None:
    """The first row decides, the second is refused, and with it both."""
    tree = FieldTree("user")
    with pytest.raises(RefusedError):
        look(tree, {"f": 1}, {"f": "x"})

    assert tree.kinds() == {}


def test_dates_are_brought_into_the_stored_form() -> None:
    """At the top, in objects and in arrays."""
    row: dict[str, Any] = {"d": "2020-04-13", "o": {"d": "2020-04-13"}, "l": ["2020-04-13"]}
    look(FieldTree("user"), row)

    stored = "2020-04-13 00:00:00 +00:00"
    assert {"d": stored, "o": {"d": stored}, "l": [stored]} == row


def test_unknown_fields_are_dropped_when_none_may_be_created() -> None:
    """They leave the row, nested ones too, and are listed; a null is not worth listing."""
    tree = FieldTree("user")
    look(tree, {"f": 1, "o": {"a": 1}})
    row = {"f": 2, "g": 3, "n": None, "o": {"a": 2, "b": 3}}
    check = look(tree, row, create=False)

    assert row == {"f": 2, "o": {"a": 2}}
    assert list(check.filtered) == ["g", "o.b"]
    assert check.created == {}


def test_more_fields_than_the_limit_refuse_the_request() -> None:
    """The refusal counts them and nothing is created."""
    tree = FieldTree("user")
    look(tree, {"f": 1}, limit=2)
    with pytest.raises(RefusedError) as caught:
        look(tree, {"g": 1, "h": 1}, limit=2)

    assert b"UniqueFieldsLimitExceeded" in bytes(caught.value.answer.body)  # type: ignore[arg-type]
    assert tree.kinds() == {"f": "long"}


def test_a_type_can_be_pinned_before_any_value() -> None:
    """A text that looks like a date stays text in a field pinned as string."""
    tree = FieldTree("user")
    tree.pin("o.code", "string")
    row = {"o": {"code": "2020-04-13"}}
    look(tree, row)

    assert tree.kinds() == {"o": "object", "o.code": "string"}
    assert row == {"o": {"code": "2020-04-13"}}


def test_an_unknown_type_cannot_be_pinned() -> None:
    """The sentence names the types there are."""
    with pytest.raises(ValueError, match="geo_location"):
        FieldTree("user").pin("f", "text")
