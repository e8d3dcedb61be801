"""Rows become members to put on a list or to take off, and nobody is silenced by it."""

from __future__ import annotations

from typing import Any, Literal

import orjson
import pytest

from connectors.iterable.client import IterableClient, Reply
from connectors.iterable.identity import Match, ProjectType
from connectors.iterable.lists import IterableLists, ListsPolicy
from connectors.records import Item, MappedRow

Mode = Literal["add", "remove", "mirror"]
LISTS = b'{"lists":[{"id":5,"name":"vip","listType":"Standard"}]}'
DONE = b'{"successCount":1,"failCount":0}'


class Listening(IterableClient):
    """A client that keeps what it would send."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", lambda: "key")
        self.sent: list[tuple[str, Any]] = []

    async def get(self, path: str) -> Reply:
        assert "/api/lists" == path
        return Reply(200, LISTS)

    async def post(self, path: str, body: bytes) -> Reply:
        self.sent.append((path, orjson.loads(body)))
        return Reply(200, DONE)


def lists(
    mode: Mode = "mirror",
    match: Match = "userId",
    kind: ProjectType = "email",
    *,
    creates: bool = True,
    client: IterableClient | None = None,
) -> IterableLists:
    policy = ListsPolicy("vip", mode, match, kind, creates)
    return IterableLists(client or Listening(), policy, lambda: 0.0)


def item(made: IterableLists, *, gone: bool = False, **fields: object) -> Item:
    found = made.encode(MappedRow("7", fields), b"1", gone=gone)
    assert found is not None
    return found


async def sent(made: IterableLists, client: Listening, *, gone: bool = False) -> tuple[str, Any]:
    """Return path and body of a call with one row."""
    await made.deliver([item(made, gone=gone)])
    [call] = client.sent
    return call


@pytest.mark.parametrize(
    ("mode", "gone", "call"),
    [
        ("add", False, "subscribe"),
        ("remove", False, "unsubscribe"),
        ("mirror", False, "subscribe"),
        ("mirror", True, "unsubscribe"),
    ],
)
def test_the_mode_says_what_a_row_does(mode: Mode, call: str, *, gone: bool) -> None:
    """A mirror alone is asked about rows that left; a profile's newest version counts."""
    made = lists(mode)

    assert call == item(made, gone=gone).call
    assert (mode == "mirror") == made.removes
    assert "7" == item(made).key == item(made).identity


def test_fields_go_along_to_the_list_only() -> None:
    """Who leaves it keeps his fields."""
    made = lists(kind="hybrid")

    on, off = item(made, a=1), item(made, gone=True, a=1)
    assert {"userId": "7", "dataFields": {"a": 1}} == orjson.loads(on.body)
    assert {"userId": "7"} == orjson.loads(off.body) == orjson.loads(item(made).body)


@pytest.mark.parametrize("kind", ["email", "userId", "hybrid"])
async def test_taking_somebody_off_never_silences_the_channel(kind: ProjectType) -> None:
    """It is always said: what Iterable does when nobody says it is told in two ways."""
    client = Listening()
    path, body = await sent(lists(kind=kind, client=client), client, gone=True)

    expected = {"listId": 5, "subscribers": [{"userId": "7"}], "channelUnsubscribe": False}
    assert ("/api/lists/unsubscribe", expected) == (path, body)


@pytest.mark.parametrize("creates", [True, False])
@pytest.mark.parametrize("kind", ["userId", "hybrid"])
async def test_profiles_are_made_or_not_by_a_flag_of_the_call(
    kind: ProjectType, *, creates: bool
) -> None:
    """Where the project honours it."""
    client = Listening()
    _, body = await sent(lists(kind=kind, creates=creates, client=client), client)

    assert (not creates) is body["updateExistingUsersOnly"]
    assert [{"userId": "7"}] == body["subscribers"]


@pytest.mark.parametrize("creates", [True, False])
async def test_in_an_email_project_a_flag_of_each_user_decides(*, creates: bool) -> None:
    """There the other one is ignored."""
    client = Listening()
    _, body = await sent(lists(creates=creates, client=client), client)

    assert [{"userId": "7", "preferUserId": creates}] == body["subscribers"]
    assert "updateExistingUsersOnly" not in body


def test_an_address_needs_no_flag_in_an_email_project() -> None:
    """Its profile is made in any case: another configuration does not load."""
    found = lists(match="email").encode(MappedRow("A@x.com"), b"1")

    assert found is not None
    assert b'{"email":"a@x.com"}' == found.body
