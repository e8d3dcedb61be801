"""Rows become items of a bulk call, and what can't be an identity never leaves."""

from __future__ import annotations

from typing import Any, Literal

import orjson
import pytest

from connectors.iterable.client import IterableClient, Reply
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.records import MappedRow


def users(
    match: Literal["email", "userId"] = "userId",
    mode: Literal["upsert", "update"] = "update",
    project: Literal["email", "userId", "hybrid"] = "email",
) -> IterableUsers:
    client = IterableClient("http://127.0.0.1:1", lambda: "key")
    return IterableUsers(client, UsersPolicy(mode, match, project))


def body(made: IterableUsers, identity: str, fields: dict[str, object]) -> Any:
    item = made.encode(MappedRow(identity, fields), b"1")
    assert item is not None
    return orjson.loads(item.body)


def test_update_by_user_id_in_an_email_project_never_creates() -> None:
    """`preferUserId: false` and no e-mail: the documented way that only updates."""
    expected = {"userId": "7", "preferUserId": False, "dataFields": {"a": None}}

    assert expected == body(users(), "7", {"a": None})


def test_upsert_by_user_id_in_an_email_project_prefers_the_id() -> None:
    """There `preferUserId: true` makes a profile with a placeholder address."""
    assert body(users(mode="upsert"), "7", {})["preferUserId"] is True


@pytest.mark.parametrize("project", ["userId", "hybrid"])
def test_other_projects_need_no_flag(project: Literal["userId", "hybrid"]) -> None:
    """The id is an identity of its own there."""
    assert {"userId", "dataFields"} == set(body(users(mode="upsert", project=project), "7", {}))


def test_emails_go_out_in_the_form_in_which_equal_ones_are_equal() -> None:
    """Two spellings of one profile must not stand in one call."""
    item = users("email", "upsert").encode(MappedRow(" Ann@Example.COM ", {}), b"1")

    assert item is not None
    assert "ann@example.com" == item.identity
    assert "ann@example.com" == orjson.loads(item.body)["email"]


@pytest.mark.parametrize("identity", ["", " 7", "7 ", "x" * 53, "é", "a\nb", "\u200b7"])
def test_what_is_no_user_id_is_no_item(identity: str) -> None:
    """At most 52 printable characters, no space at either end."""
    assert None is users().encode(MappedRow(identity, {}), b"1")


@pytest.mark.parametrize("identity", ["7", "x" * 52, "a b", "!", "~x~"])
def test_what_is_a_user_id_is_taken(identity: str) -> None:
    """Also one that looks odd."""
    assert identity == body(users(), identity, {})["userId"]


@pytest.mark.parametrize("identity", ["", "a", "a@b", "a@b.", "a@@b.c", "a b@c.de", "@b.c", "a@.c"])
def test_what_is_no_email_is_no_item(identity: str) -> None:
    """Iterable would refuse the whole call for it."""
    assert None is users("email", "upsert").encode(MappedRow(identity, {}), b"1")


class Kept(IterableClient):
    """Keeps what is sent and says nothing of it."""

    sent = b""

    async def post(self, path: str, body: bytes) -> Reply:  # noqa: ARG002  # there is one
        self.sent = body
        return Reply(200, b'{"successCount":1,"failCount":0}')


@pytest.mark.parametrize("existence", [None, "update_only"])
@pytest.mark.parametrize("create_fields", [True, False])
async def test_what_holds_for_the_whole_call_is_said_in_it(
    *, existence: Literal["update_only"] | None, create_fields: bool
) -> None:
    """Whether fields may be made, and that no profile may, where Iterable was asked for that."""
    client = Kept("http://127.0.0.1:1", lambda: "key")
    policy = UsersPolicy("update", "email", "email", existence, create_fields=create_fields)
    made = IterableUsers(client, policy)
    await made.deliver([made.encode(MappedRow("a@x.com"), b"1") or pytest.fail("no item")])
    said = orjson.loads(client.sent)
    only = {"updateOnly": True} if existence else {}

    assert {"users": said["users"], "createNewFields": create_fields, **only} == said


def test_limits_stay_below_the_published_ones() -> None:
    """1,000 rows, 4 MB whatever an MB is, 5 calls a second."""
    limits = users().limits

    assert (1_000, 5.0) == (limits.max_rows, limits.calls_per_second)
    assert limits.max_bytes < 4_000_000 - 100
