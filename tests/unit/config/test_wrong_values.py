"""Values that could only fail later, or be ignored, are refused when the file is loaded."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.config.wrong import SYNC, Wrong

EMPTY = "is empty: write it"
SERVER = "write host:port"
ADDRESS = "is no address: write it like https://host"
MORE = "holds more than scheme, host, port and path"
EVENTS: dict[str, Any] = {
    "object": "events",
    "event_name": "login",
    "created_at": "AT",
    "match": {"userId": "U"},
}
LISTS: dict[str, Any] = {"object": "lists", "mode": "add", "list": "vip", "match": {"userId": "U"}}
# What stands only where people write it, never in a sentence of ours.
PYDANTIC = re.compile("Input|Dictionary|String should|List should|valid (string|dictionary)")


@pytest.mark.parametrize(
    ("said", "place", "sentence"),
    [
        ({"match": {"email": ""}}, "match.email", EMPTY),
        ({"match": {"email": " "}}, "match.email", EMPTY),
        ({"match": {"email": 5}}, "match.email", "write text; a number"),
        ({"match": {"email": "A", "userId": "B"}}, "match", "holds at most 1: keep one"),
        ({"match": None}, "match", "write keys with values"),
        ({"match": ["email"]}, "match", "write keys with values"),
        ({"fields": {}}, "fields", "needs at least 1: add one"),
        ({"fields": {1: "A"}}, "fields.1", "write text; a number"),
        ({"fields": {" ": "A"}}, "fields", "blank in part"),
        ({"fields": {"a. ": "A"}}, "fields", "blank in part"),
        ({"fields": {"a\nb": "A"}}, "fields", "holds what can't be seen"),
        ({"fields": {"a": " "}}, "fields.a", "write COLUMN"),
        ({"fields": {"a": {"column": " "}}}, "fields.a", "column: write its name"),
        ({"linger": "10h"}, "linger", "write 0s to 1m"),
        ({"linger": []}, "linger", "write a number"),
        ({"nulls": "delete"}, "nulls", "say 'clear' or 'keep'"),
        ({"merge_nested": "maybe"}, "merge_nested", "write yes or no"),
        ({"rate_share": 2}, "rate_share", "must be at most 1"),
    ],
)
def test_a_wrong_value_of_a_sync(
    wrong: Wrong, said: dict[str, Any], place: str, sentence: str
) -> None:
    """One sentence, with what to write instead."""
    found = wrong.sync(**said)

    assert re.match(rf"line \d+: syncs\.{SYNC}\.{re.escape(place)}: ", found)
    assert sentence in found
    assert PYDANTIC.search(found) is None


@pytest.mark.parametrize(
    ("sync", "place", "sentence"),
    [
        (EVENTS | {"event_name": " "}, "event_name", EMPTY),
        (EVENTS | {"created_at": ""}, "created_at", EMPTY),
        (EVENTS | {"event_id": ""}, "event_id", EMPTY),
        (LISTS | {"list": " "}, "list", EMPTY),
        (LISTS | {"mode": "remove", "fields": {"a": "A"}}, "fields", "leave it out, or use add"),
        (
            LISTS | {"mode": "remove", "create_profiles": False},
            "create_profiles",
            "leave it out, or use add",
        ),
    ],
)
def test_a_wrong_value_of_an_event_or_a_list(
    wrong: Wrong, sync: dict[str, Any], place: str, sentence: str
) -> None:
    """A setting that would be ignored is refused too."""
    both = {"model": "marketing_contacts", "destination": "iterable"}
    found = wrong.example(lambda config: config["syncs"].update({SYNC: both | sync}))

    assert re.match(rf"line \d+: syncs\.{SYNC}\.{place}: ", found)
    assert sentence in found


@pytest.mark.parametrize(
    ("said", "place", "sentence"),
    [
        ({"bootstrap_servers": ""}, "bootstrap_servers.0", SERVER),
        ({"bootstrap_servers": "broker"}, "bootstrap_servers.0", SERVER),
        ({"bootstrap_servers": "a:1,b"}, "bootstrap_servers.1", SERVER),
        ({"bootstrap_servers": ["a:b"]}, "bootstrap_servers.0", SERVER),
        ({"bootstrap_servers": "user:hunter2@a:1"}, "bootstrap_servers.0", SERVER),
        ({"bootstrap_servers": "a:99999"}, "bootstrap_servers.0", "from 1 to 65535"),
        ({"bootstrap_servers": []}, "bootstrap_servers", "needs at least 1"),
        ({"bootstrap_servers": 9092}, "bootstrap_servers", "write a list"),
        ({"session_timeout": 0}, "session_timeout", "write 1s to 30m"),
        ({"session_timeout": "1h"}, "session_timeout", "write 1s to 30m"),
        ({"security": {"ssl_password": {"env": ""}}}, "security", "with its name in it"),
        ({"schema_registry": {"url": "https://u:hunter2@r"}}, "schema_registry.url", MORE),
    ],
)
def test_a_wrong_value_of_kafka(
    wrong: Wrong, said: dict[str, Any], place: str, sentence: str
) -> None:
    """Without a port, a guess of the client's would be asked."""
    found = wrong.example(lambda config: config["kafka"].update(said))

    assert re.match(rf"line \d+: kafka\.{re.escape(place)}: ", found)
    assert sentence in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://[::1", ADDRESS),
        ("https://h:99999", ADDRESS),
        ("https://h:0", "from 1 to 65535"),
        ("https://user:hunter2@h", MORE),
        ("https://h/?key=hunter2", MORE),
        ("https://h/#hunter2", MORE),
    ],
)
def test_a_base_url_is_an_address_and_nothing_more(wrong: Wrong, url: str, sentence: str) -> None:
    """It stands in logs and sentences, so no password may be part of it."""

    def change(config: dict[str, Any]) -> None:
        config["destinations"]["iterable"].pop("region")
        config["destinations"]["iterable"]["base_url"] = url

    found = wrong.example(change)
    assert re.match(r"line \d+: destinations\.iterable\.base_url: ", found)
    assert sentence in found
    assert "hunter2" not in found


@pytest.mark.parametrize("reference", [{"env": ""}, {"env": " "}, {"file": ""}])
def test_a_secret_has_a_place(wrong: Wrong, reference: dict[str, str]) -> None:
    """An empty name is a forgotten one."""
    found = wrong.example(
        lambda config: config["destinations"]["iterable"].update(api_key=reference)
    )

    assert "destinations.iterable.api_key: write the file's or the variable's name" in found


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "[1].map(x, x / 0)",
        'A.matches("(")',
        "A == 'x' && B.matches(r'[')",
        """A == "y" || A . matches( '(' )""",
    ],
)
def test_an_expression_that_fails_for_every_row_is_refused(wrong: Wrong, expression: str) -> None:
    """Said before the first row, not by a topic of dead letters."""
    found = wrong.sync(fields={"a": {"expression": expression}})

    assert f"syncs.{SYNC}.fields.a: the expression " in found
    assert "no result" in found or "no regular expression" in found
