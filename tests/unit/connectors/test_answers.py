"""Answers taken whole: events, fields that were made or left out, and what a probe accepts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.iterable.answers import answered, check, events_meaning, users_meaning
from connectors.records import Delivered, Item, Rejected, RejectReason, Undetermined
from tests.unit.connectors.iterable_answers import outcomes, reply, rows

UPSERT = users_meaning("upsert")


def events(*names: str) -> list[Item]:
    return [
        Item(f"u{n}", orjson.dumps({"eventName": name, "userId": f"u{n}"}), f"e{n}")
        for n, name in enumerate(names)
    ]


def test_one_outcome_per_row_in_the_order_of_the_rows() -> None:
    """Named rows have their reason, the others are delivered."""
    body = {
        "successCount": 2,
        "failCount": 1,
        "failedUpdates": {"conflictUserIds": ["7"]},
        "somethingNew": {"x": 1},
    }
    expected = [Delivered(), Rejected(RejectReason.CONFLICT, 200), Delivered()]

    assert expected == outcomes(reply(body), rows("5", "7", "9"), UPSERT)


def test_the_older_envelope_is_enough() -> None:
    """Only the two counts are sure to be there."""
    counts = {"successCount": 1, "failCount": 0}

    assert [Delivered()] == outcomes(reply(counts, 202), rows("5"), UPSERT)


def test_counts_may_be_written_as_decimals() -> None:
    """JSON knows no whole numbers: such an answer was retried for ever."""
    counts = {"successCount": 2.0, "failCount": 0.0}

    assert [Delivered()] * 2 == outcomes(reply(counts), rows("5", "7"), UPSERT)


def test_fields_made_and_left_out_are_counted() -> None:
    """How many, not which: their names are text of Iterable."""
    body = {
        "successCount": 1,
        "failCount": 0,
        "createdFields": ["city", "address.zip"],
        "filteredOutFields": ["x"],
    }
    found = answered(reply(body), rows("5"), UPSERT)

    assert (2, 1) == (found.created_fields, found.filtered_fields)


@pytest.mark.parametrize("junk", [None, {}, "x", 3])
def test_fields_that_are_no_list_are_none(junk: object) -> None:
    """An older envelope has no such list."""
    body = {"successCount": 1, "failCount": 0, "createdFields": junk, "filteredOutFields": junk}
    found = answered(reply(body), rows("5"), UPSERT)

    assert (0, 0) == (found.created_fields, found.filtered_fields)


def test_an_event_name_that_is_switched_off_stops_the_sync() -> None:
    """It is the configuration's name, and no row's fault; the sentence repeats nothing."""
    body = {"successCount": 0, "failCount": 2, "disallowedEventNames": ["ordered"]}
    with pytest.raises(ConfigurationError, match="event_name") as raised:
        outcomes(reply(body), events("ordered", "ordered"), events_meaning())

    assert "event_name" == raised.value.kind
    assert "ordered" not in str(raised.value)


@pytest.mark.parametrize("names", [["other"], [None], [["ordered"]], "ordered", {"ordered": 1}])
def test_a_name_that_was_not_sent_stops_nothing(names: object) -> None:
    """What failed then is open: which event it was is not said."""
    body = {"successCount": 1, "failCount": 1, "disallowedEventNames": names}
    found = outcomes(reply(body), events("ordered", "ordered"), events_meaning())

    assert [Undetermined()] * 2 == found
    counts = {"successCount": 2, "failCount": 0, "disallowedEventNames": names}
    assert [Delivered()] * 2 == outcomes(reply(counts), rows("5", "7"), UPSERT)


def test_a_success_hands_on_what_it_holds() -> None:
    """Lists, fields and users are read from it."""
    assert {"lists": []} == check(reply({"lists": []}))


@pytest.mark.parametrize("body", [b"", b"<html>", [], "text", {}, b"\xff", b'{"a":NaN}'])
def test_what_is_no_object_is_no_iterable(body: Any) -> None:
    """A page or a bare value: whatever answers there, it is not the API."""
    with pytest.raises(ConfigurationError, match="check region or base_url"):
        check(reply(orjson.dumps(body) if isinstance(body, str) else body))


def test_an_unreadable_success_may_pass() -> None:
    """Some proxy on the way says 200 to everything: the same call goes out again."""
    with pytest.raises(RetryableError) as raised:
        outcomes(reply(b"<html>We will be right back"), rows("5"), UPSERT)

    assert "unreadable" == raised.value.kind
