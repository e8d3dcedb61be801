"""A row becomes an event with an id, a time and a user, or is none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.iterable.client import IterableClient
from connectors.iterable.events import EventsPolicy, IterableEvents
from connectors.records import Item, MappedRow, Rejected, RejectReason

NOON = 1_767_268_800
CLIENT = IterableClient("http://127.0.0.1:1", lambda: "key")


def events(name: str = "login", model: str = "logins", *, has_id: bool = False) -> IterableEvents:
    return IterableEvents(CLIENT, EventsPolicy(name, model, "userId", has_id))


def encoded(made: IterableEvents, key: bytes = b"1", **properties: object) -> Item:
    found = made.encode(MappedRow("7", {"a": None}, {"createdAt": NOON, **properties}), key)
    assert isinstance(found, Item)
    return found


def test_an_event_says_what_happened_to_whom_and_when() -> None:
    """New fields are permitted for each event; its user is what answers name it by."""
    item = encoded(events(has_id=True), id="e-1")
    expected = {
        "eventName": "login",
        "userId": "7",
        "id": "e-1",
        "createdAt": NOON,
        "dataFields": {"a": None},
        "createNewFields": True,
    }

    assert expected == orjson.loads(item.body)
    assert ("7", "e-1", "") == (item.identity, item.key, item.call)


def test_fields_of_events_are_not_made_where_nobody_wants_them() -> None:
    """The setting `create_fields`; each event says it."""
    policy = EventsPolicy("login", "logins", "userId", create_fields=False)

    assert orjson.loads(encoded(IterableEvents(CLIENT, policy)).body)["createNewFields"] is False


def test_an_id_is_made_of_the_key_and_does_not_show_it() -> None:
    """The same row again is the same event; the key may be an address."""
    key = b"ann@example.com"
    first, again = encoded(events(), key), encoded(events(), key)

    assert first == again
    assert 32 == len(first.key)
    assert orjson.loads(first.body)["id"] == first.key
    assert b"ann" not in first.body
    assert key.hex() not in first.key


@given(
    st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.binary(max_size=3)), min_size=2)
)
def test_events_of_other_rows_models_or_names_have_other_ids(
    rows: list[tuple[str, str, bytes]],
) -> None:
    """Ids are one space over the whole project."""
    ids = {encoded(events(name, model), key).key for name, model, key in rows}

    assert len({*rows}) == len(ids)


@pytest.mark.parametrize(
    ("value", "text"),
    [("A-b-9", "A-b-9"), (7, "7"), (Decimal(7), "7"), (Decimal("7.00"), "7"), ("x" * 512,) * 2],
)
def test_a_columns_id_is_taken_as_it_is(value: object, text: str) -> None:
    """A number is its digits, whatever the driver calls it."""
    assert text == encoded(events(has_id=True), id=value).key


@pytest.mark.parametrize(
    "value",
    [None, "", "a b", "a_b", "ä", "x" * 513, "a\n", -0.5, Decimal("7.5"), Decimal("NaN"), True],
)
def test_what_can_be_no_id_is_no_item(value: object) -> None:
    """Letters, digits and hyphens, at most 512: Iterable would refuse the whole call for it."""
    row = MappedRow("7", {}, {"createdAt": NOON, "id": value})

    assert None is events(has_id=True).encode(row, b"1")


@pytest.mark.parametrize("value", [None, "yesterday", True, 10**15])
def test_a_row_without_a_time_is_unmappable(value: Any) -> None:
    """Iterable would take the moment of the call, another one each time the row is sent."""
    row = MappedRow("7", {}, {"createdAt": value})

    assert Rejected(RejectReason.UNMAPPABLE) == events().encode(row, b"1")


def test_a_row_that_left_removes_no_event() -> None:
    """What has happened has happened."""
    assert not events().removes
