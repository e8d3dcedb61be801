"""How the sandbox answers and writes users: envelope, refusals, fields, reads, deletes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.iterable_desk import Desk

BULK = "POST /api/users/bulkUpdate"
FAILED = {
    f"{reason}{identity}"
    for reason in ("invalid", "notFound", "invalidData", "conflict", "forgotten")
    for identity in ("Emails", "UserIds")
}


def failed(envelope: Any) -> dict[str, list[str]]:
    """The lists of failedUpdates that are not empty."""
    return {name: found for name, found in envelope["failedUpdates"].items() if found}


def test_the_envelope_has_every_key_even_when_nothing_failed() -> None:
    """A modern answer always carries all lists."""
    envelope = Desk().bulk({"email": "a@x.com"})

    assert envelope.keys() == {
        "successCount", "failCount", "invalidEmails", "invalidUserIds", "filteredOutFields",
        "createdFields", "noOpEmails", "noOpUserIds", "failedUpdates",
    }  # fmt: skip
    assert envelope["failedUpdates"].keys() == FAILED
    assert (envelope["successCount"], envelope["failCount"]) == (1, 0)


def test_the_legacy_envelope_has_counts_and_two_lists_only() -> None:
    """As recorded until 2022: every failure is in one of the two."""
    envelope = Desk(legacy_envelope=True).bulk({"email": "bad@"}, {"userId": "u9"})

    assert envelope == {
        "successCount": 0,
        "failCount": 2,
        "invalidEmails": ["bad@"],
        "invalidUserIds": ["u9"],
    }


def test_failing_identifiers_come_back_as_sent() -> None:
    """Case and all; the stored e-mail is in lower case."""
    desk = Desk()
    desk.door.project.identity.forgotten_emails.add("gone@x.com")
    envelope = desk.bulk(
        {"email": "Bad@"}, {"email": "Gone@X.com"}, {"userId": "U 9 "}, {"email": "New@X.com"}, {}
    )

    assert failed(envelope) == {
        "invalidEmails": ["Bad@"],
        "forgottenEmails": ["Gone@X.com"],
        "invalidUserIds": ["U 9 "],
    }
    assert (envelope["successCount"], envelope["failCount"]) == (1, 4)
    assert (desk.fields("new@x.com") or {})["email"] == "new@x.com"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "BadJsonBody"),
        ([], "BadJsonBody"),
        ({}, "BadJsonBody"),
        ({"users": {}}, "BadJsonBody"),
        ({"users": []}, "InvalidEmailAddressError"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(body: object, code: str) -> None:
    """Syntax, shape, and the empty batch."""
    status, answer = Desk().send(BULK, body)

    assert (400, code) == (status, answer["code"])


def test_one_wrong_json_type_refuses_the_whole_call_and_names_the_row() -> None:
    """The index counts from 0, and the good row is not applied."""
    desk = Desk()
    good, bad = {"email": "a@x.com"}, {"email": 5, "preferUserId": "yes"}
    status, answer = desk.send(BULK, {"users": [good, bad, 7]})

    assert status == 400
    assert answer["msg"] == "[/api/users/bulkUpdate] Invalid JSON body"
    assert answer["params"] == {
        "obj.users[1].email": "String value expected",
        "obj.users[1].preferUserId": "Boolean value expected",
        "obj.users[2]": "Object value expected",
    }
    assert desk.fields("a@x.com") is None


def test_one_wrong_field_type_refuses_the_whole_call() -> None:
    """Also for rows whose own values are fine."""
    desk = Desk()
    desk.bulk({"email": "a@x.com", "dataFields": {"n": 1}})
    rows = [{"email": "b@x.com"}, {"email": "a@x.com", "dataFields": {"n": "x"}}]
    status, answer = desk.send(BULK, {"users": rows})

    assert (status, answer["code"]) == (400, "RequestFieldsTypesMismatched")
    assert desk.fields("b@x.com") is None


def test_a_body_over_the_cap_is_refused() -> None:
    """4,000,000 bytes pass the door, one more does not."""
    status, answer = Desk().send(BULK, b" " * 4_000_001)

    assert (status, answer["code"]) == (413, "BatchTooLarge")
    assert Desk().send(BULK, b" " * 4_000_000)[0] == 400


def test_null_removes_a_field_and_absence_keeps_it() -> None:
    """The rule a change record has to choose by."""
    desk = Desk()
    desk.bulk({"email": "a@x.com", "dataFields": {"a": 1, "b": 2, "c": None}})
    desk.bulk({"email": "a@x.com", "dataFields": {"a": None}})

    fields = desk.fields("a@x.com") or {}
    assert ("a" in fields, fields["b"], "c" in fields) == (False, 2, False)


def test_an_object_is_replaced_unless_it_is_merged() -> None:
    """Merging goes one level deep, and a null inside removes that key."""
    desk = Desk()
    first = {"o": {"a": 1, "b": 2, "deep": {"x": 1, "y": 2}}}
    desk.bulk({"email": "a@x.com", "dataFields": first})
    change = {"o": {"a": None, "deep": {"x": 9}}}
    desk.bulk({"email": "a@x.com", "dataFields": change, "mergeNestedObjects": True})
    assert (desk.fields("a@x.com") or {})["o"] == {"b": 2, "deep": {"x": 9}}

    desk.bulk({"email": "a@x.com", "dataFields": {"o": {"b": 3}}})
    assert (desk.fields("a@x.com") or {})["o"] == {"b": 3}


def test_rows_of_one_key_are_applied_in_their_order() -> None:
    """The last one wins."""
    desk = Desk()
    rows = [{"email": "a@x.com", "dataFields": {"n": number}} for number in range(5)]
    envelope = desk.bulk(*rows, {"email": "A@X.COM", "dataFields": {"n": 9}})

    assert envelope["successCount"] == 6
    assert (desk.fields("a@x.com") or {})["n"] == 9


def test_created_and_filtered_fields_are_listed() -> None:
    """By the request's flag, else by the project's switch."""
    desk = Desk()
    one = {"email": "a@x.com", "dataFields": {"n": 1}}
    two = {"email": "a@x.com", "dataFields": {"m": 1}}
    assert desk.bulk(one)["createdFields"] == ["n"]

    envelope = desk.bulk(two, createNewFields=False)
    assert (envelope["createdFields"], envelope["filteredOutFields"]) == ([], ["m"])
    desk.door.project.settings.create_new_fields = False
    assert desk.bulk(two)["filteredOutFields"] == ["m"]
    assert desk.bulk(two, createNewFields=True)["createdFields"] == ["m"]


def test_reserved_fields_are_dropped_in_silence() -> None:
    """No failure, no effect."""
    desk = Desk()
    reserved = {"emailListIds": [7], "itblInternal": {"x": 1}, "devices": "none"}
    envelope = desk.bulk({"email": "a@x.com", "dataFields": reserved})

    assert envelope["createdFields"] == []
    fields = desk.fields("a@x.com") or {}
    assert "emailListIds" not in fields
    assert "x" not in fields["itblInternal"]


def test_a_text_beyond_32k_fails_its_row_only() -> None:
    """The row is listed as invalid data, its neighbour is written."""
    desk = Desk()
    long = {"email": "Long@x.com", "dataFields": {"o": {"t": ["x" * 32_767]}}}
    envelope = desk.bulk(long, {"email": "a@x.com", "dataFields": {"t": "x" * 32_766}})

    assert failed(envelope) == {"invalidDataEmails": ["Long@x.com"]}
    assert envelope["successCount"] == 1


@pytest.mark.parametrize(
    ("user", "status", "code"),
    [
        ({"email": "a@x.com"}, 200, "Success"),
        ({"email": "000"}, 400, "InvalidEmailAddressError"),
        ({"userId": "x" * 53}, 400, "InvalidUserIdError"),
        ({"userId": "u9"}, 400, "UnknownUserIdError"),
        ({}, 400, "BadParams"),
        ({"email": "gone@x.com"}, 409, "ForgottenUserError"),
        ({"email": 5}, 400, "BadJsonBody"),
    ],
)
def test_a_single_update_answers_with_status_and_code(
    user: dict[str, object], status: int, code: str
) -> None:
    """The same rules as in bulk, put as one answer."""
    desk = Desk()
    desk.door.project.identity.forgotten_emails.add("gone@x.com")
    found, answer = desk.send("POST /api/users/update", user)

    assert (status, code) == (found, answer["code"])


def test_reading_an_unknown_user() -> None:
    """Unknown e-mail: 200 and nothing. Malformed e-mail: 400. Unknown userId: 400."""
    desk = Desk()

    assert desk.send("GET /api/users/{email}", email="a@x.com") == (200, {})
    assert desk.send("GET /api/users/{email}", email="bad@")[0] == 400
    status, answer = desk.send("GET /api/users/byUserId/{userId}", userId="u")
    assert (status, answer["code"]) == (400, "error.users.noUserWithIdExists")


def test_deleting_users() -> None:
    """By e-mail always 200; by userId all who have it, 400 if none has."""
    desk = Desk()
    desk.bulk(*({"email": f"{name}@x.com", "userId": "u"} for name in "abc"))
    assert desk.send("DELETE /api/users/{email}", email="A@x.com")[0] == 200
    assert desk.send("DELETE /api/users/{email}", email="nobody@x.com")[0] == 200
    assert len(desk.door.project.profiles) == 2

    status, answer = desk.send("DELETE /api/users/byUserId/{userId}", userId="u")
    assert answer["msg"] == "All users associated with u were successfully deleted"
    assert (status, len(desk.door.project.profiles)) == (200, 0)
    assert desk.send("DELETE /api/users/byUserId/{userId}", userId="u")[0] == 400
