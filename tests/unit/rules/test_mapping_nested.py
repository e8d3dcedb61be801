"""A name with dots is a place in an object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rules.physical import map_row
from worker.rules.mapping import Constant, FieldSource, FromColumn, MappingPolicy, UnmappableError
from worker.rules.mapping.names import is_reserved, wrong_names
from worker.rules.mapping.tree import computed_fields

FIELDS = {
    "name": "TEXT",
    "address.city": "TEXT",
    "address.at.hour": "TIME",
    "address.at.on": "DATE",
}


def test_dots_are_objects() -> None:
    """Members of one object stand together, at any depth."""
    found = map_row({"TEXT": "x"}, MappingPolicy("ID", FIELDS)).fields

    assert {"name": "x", "address": {"city": "x", "at": {"hour": None, "on": None}}} == found


def test_an_object_without_members_is_left_out() -> None:
    """With `keep`: an empty object would take the place of what is there."""
    policy = MappingPolicy("ID", FIELDS, "keep")

    assert {"name": "x", "address": {"city": "x"}} == map_row({"TEXT": "x"}, policy).fields
    assert {} == map_row({}, policy).fields


def test_null_in_a_variant_is_null() -> None:
    """JSON has a NULL of its own: the policy is the same, in objects and outside."""
    fields: dict[str, str | FieldSource] = {
        "json": "JSON",
        "in.json": "JSON",
        "text": FromColumn("JSON", "string"),
    }
    cleared = map_row({"JSON": "null"}, MappingPolicy("ID", fields)).fields

    assert {"json": None, "in": {"json": None}, "text": None} == cleared
    assert {} == map_row({"JSON": "null"}, MappingPolicy("ID", fields, "keep")).fields


def test_null_in_a_variant_is_nobody() -> None:
    """There is no user called `null`."""
    with pytest.raises(UnmappableError):
        map_row({"JSON": "null"}, MappingPolicy("JSON", {}))


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.sets(names, max_size=6))
def test_each_name_finds_its_value_or_the_names_are_refused(these: set[str]) -> None:
    """Of names that are taken, none hides another."""
    if wrong_names(these) is not None:
        assert any(b.startswith(f"{a}.") for a in these for b in these)
        return
    leaves = {name: (lambda _row, name=name: name) for name in these}
    fields = {name: compute({}) for name, compute in computed_fields(leaves)}
    for name in these:
        found: object = fields
        for part in name.split("."):
            assert isinstance(found, dict)
            found = found[part]
        assert name == found


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["address", "address.city"], "address can't be a value and hold address.city too"),
        (["a.b.c.d", "a.b"], "a.b can't be a value and hold a.b.c.d too"),
        (["a..b"], "empty part"),
        ([""], "empty part"),
        (["a."], "empty part"),
        (["x" * 256], "longer than 255"),
        (["x" * 255, "a.b", "a.c", "ab"], None),
    ],
)
def test_names_that_can_not_be_are_refused(names: list[str], said: str | None) -> None:
    """Before anything runs."""
    found = wrong_names(names)

    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("devices", True),
        ("devices.x", True),
        ("x.devices", False),
        ("subscribedMessageTypeIds", True),
        ("unsubscribedOtherIds.x", True),
        ("subscribedAt", False),
        ("unsubscribedReason", False),
    ],
)
def test_what_is_iterables_own_is_its_first_part(name: str, expected: bool) -> None:  # noqa: FBT001  # a table
    """`devices.x` would be written into Iterable's own object."""
    assert expected == is_reserved(name)


def test_a_constant_keeps_an_object_there() -> None:
    """It is a member like any other."""
    policy = MappingPolicy("ID", {"a.b": "TEXT", "a.c": Constant(1)}, "keep")

    assert {"a": {"c": 1}} == map_row({}, policy).fields
