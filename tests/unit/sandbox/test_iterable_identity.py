"""Which profile a row means, by project type, and what becomes of one that means none."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sandbox.iterable import ProjectType
from tests.unit.sandbox.iterable_desk import Desk


def failed(envelope: Any) -> dict[str, list[str]]:
    """The lists of failedUpdates that are not empty."""
    return {name: found for name, found in envelope["failedUpdates"].items() if found}


def test_email_project_creates_an_unknown_user_id_only_on_wish() -> None:
    """With preferUserId it gets a placeholder e-mail; without, it fails."""
    desk = Desk()
    assert failed(desk.bulk({"userId": "U9"})) == {"notFoundUserIds": ["U9"]}
    assert failed(desk.bulk({"userId": "U9", "preferUserId": True})) == {}

    _, answer = desk.send("GET /api/users/byUserId", userId="U9")
    name, _, host = answer["user"]["email"].partition("@")
    assert host == "placeholder.email"
    assert name.removeprefix("u9+").isdecimal()
    assert failed(desk.bulk({"userId": "u9"})) == {"notFoundUserIds": ["u9"]}


@pytest.mark.parametrize("chosen", ["notFoundUserIds", "invalidUserIds", "noOpUserIds"])
def test_a_switch_says_which_list_names_an_unknown_user_id(chosen: str) -> None:
    """A no-op is listed beside the failures and counted with the successes."""
    envelope = Desk(unknown_user_list=chosen).bulk({"userId": "u9"})
    lists = {**envelope["failedUpdates"], "noOpUserIds": envelope["noOpUserIds"]}

    assert {chosen: ["u9"]} == {name: found for name, found in lists.items() if found}
    assert (0 if chosen == "noOpUserIds" else 1) == envelope["failCount"]
    assert envelope["failCount"] + envelope["successCount"] == 1


def test_email_project_updates_every_profile_that_shares_a_user_id() -> None:
    """A userId is not unique here; the e-mail alone makes the profile."""
    desk = Desk()
    desk.bulk({"email": "a@x.com", "userId": "u"}, {"email": "b@x.com", "userId": "u"})
    desk.bulk({"userId": "u", "dataFields": {"n": 1}})
    assert [(desk.fields(email) or {})["n"] for email in ("a@x.com", "b@x.com")] == [1, 1]

    desk.bulk({"email": "a@x.com", "dataFields": {"userId": "other"}})
    assert (desk.fields("a@x.com") or {})["userId"] == "other"


def test_update_only_counts_where_the_project_has_it() -> None:
    """Elsewhere the flag is ignored and the user is created."""
    desk = Desk(update_only_enabled=True)
    assert failed(desk.bulk({"email": "a@x.com"}, updateOnly=True)) == {
        "notFoundEmails": ["a@x.com"]
    }
    assert desk.fields("a@x.com") is None

    desk = Desk()
    assert failed(desk.bulk({"email": "a@x.com"}, updateOnly=True)) == {}
    assert desk.fields("a@x.com") is not None


def test_userid_project_knows_users_by_user_id_only() -> None:
    """An e-mail is a mere field there, and may be shared or changed."""
    desk = Desk(ProjectType.USERID)
    envelope = desk.bulk(
        {"userId": "u1", "email": "a@x.com"},
        {"userId": "u2", "email": "a@x.com"},
        {"email": "b@x.com"},
    )
    assert failed(envelope) == {"invalidEmails": ["b@x.com"]}
    assert len(desk.door.project.profiles) == 2

    desk.bulk({"userId": "u1", "dataFields": {"email": "New@x.com"}})
    assert (desk.fields("new@x.com") or {})["userId"] == "u1"


def test_hybrid_project_refuses_two_identifiers_of_two_profiles() -> None:
    """Both are unique: a row that would join two profiles is a conflict."""
    desk = Desk(ProjectType.HYBRID)
    assert failed(desk.bulk({"email": "a@x.com", "userId": "u1"}, {"userId": "u2"})) == {}
    envelope = desk.bulk(
        {"email": "a@x.com", "userId": "u2"},
        {"email": "b@x.com", "userId": "u1"},
        {"userId": "u2", "dataFields": {"email": "A@x.com"}},
        {"userId": "u2", "email": "c@x.com"},
    )

    assert failed(envelope) == {
        "conflictEmails": ["a@x.com", "A@x.com"],
        "conflictUserIds": ["u1"],
    }
    assert (desk.fields("c@x.com") or {})["userId"] == "u2"
