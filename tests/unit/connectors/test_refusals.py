"""A call that failed as a whole raises what must be done, and repeats nothing that was said."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.iterable.answers import check, events_meaning, users_meaning
from connectors.iterable.client import Reply
from connectors.records import Postponed, RejectReason, Skipped, SkipReason
from tests.unit.connectors.iterable_answers import clash, mismatch, outcomes, reply, row, rows

UPDATE = users_meaning("update", "prefer_user_id")
ANY_LIST = {
    "msg": "error.lists.invalidListId(999)",
    "code": "Success",
    "params": {"projectId": 9079, "listId": 999},
}


def refusal(body: Any, status: int = 400, who: str = "5 7 9") -> RefusedError:
    with pytest.raises(RefusedError) as raised:
        outcomes(reply(body, status), rows(*who.split()), UPDATE)
    return raised.value


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"code": "RateLimitExceeded"}, ThrottledError),
        (429, b"Too Many Requests", ThrottledError),
        (408, b"", RetryableError),
        (500, {"code": "Success"}, RetryableError),
        (500, {"code": "BatchTooLarge"}, RetryableError),
        (503, b"<html>", RetryableError),
        (413, b"", TooLargeError),
        (400, {"code": "BatchTooLarge"}, TooLargeError),
        (400, {"code": "Success"}, RefusedError),
        (400, b"No user with that id exists!", RefusedError),
        (400, {"code": "BadJsonBody"}, RefusedError),
        (400, {"code": "BadParams", "params": [1]}, RefusedError),
        (
            400,
            {"error": "BadRequest", "message": "", "code": "error.x", "data": None},
            RefusedError,
        ),
        (409, {"code": "UserIdAlreadyExists"}, RefusedError),
        (409, b"", RefusedError),
        (422, b"", RefusedError),
        (200, b"<html>hello", RetryableError),
        (204, b"", RetryableError),
        (200, [], RetryableError),
        (200, {"successCount": "3", "failCount": 0}, RetryableError),
        (200, {"successCount": 2.5, "failCount": 0.5}, RetryableError),
        (200, {"successCount": True, "failCount": False}, RetryableError),
        (200, {"successCount": 3}, RetryableError),
    ],
)
def test_a_failed_call_raises_what_must_be_done(
    status: int, body: Any, error: type[ConnectorError]
) -> None:
    """Status first: the code lies, an unknown list is answered 400 with `Success`."""
    with pytest.raises(ConnectorError) as raised:
        outcomes(reply(body, status), rows("5", "7", "9"), UPDATE)

    assert error is type(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": "BadApiKey"}, "api_key"),
        (403, {"code": "Forbidden"}, "api_key"),
        (403, b"<html>", "api_key"),
        (400, {"code": "InvalidJwtPayload"}, "api_key"),
        (400, {"code": "UniqueFieldsLimitExceeded", "params": {"limit": 1000}}, "field_limit"),
        (301, b"", "redirect"),
        (308, {"code": "Success"}, "redirect"),
        (404, b"<html>Action not found", "endpoint"),
        (404, {"code": "NotFound"}, "endpoint"),
        (405, b"", "endpoint"),
        (400, ANY_LIST, "unknown_list"),
        (404, {"message": "", "code": "error.lists.invalidListId"}, "unknown_list"),
        (404, {"error": "NotFound", "code": "error.catalogs.notFound"}, "not_found"),
    ],
)
def test_what_a_person_must_mend_is_said_by_its_kind(status: int, body: Any, kind: str) -> None:
    """No row is at fault, so none is set aside: the sync waits."""
    for call in (outcomes, lambda answer, *_: check(answer)):
        with pytest.raises(ConfigurationError) as raised:
            call(reply(body, status), rows("5", "7"), UPDATE)

        assert kind == raised.value.kind


def test_a_429_hands_on_its_wait() -> None:
    """`Retry-After` is obeyed."""
    with pytest.raises(ThrottledError) as raised:
        outcomes(Reply(429, b"", 17.0), rows("5"), UPDATE)

    assert 17.0 == raised.value.retry_after_seconds


@pytest.mark.parametrize(
    "params",
    [
        {"obj.users[1].preferUserId": "Boolean value expected", "obj.users[2]": "Object expected"},
        {"obj.events[1].eventName": [{"msg": ["error.expected.jsstring"]}], "obj.events[2]": []},
        {"obj.subscribers[1].email": "", "obj.subscribers[2].userId": "", "obj.users[x]": ""},
        {"obj.users[1].a": "", "obj.users[2].b[7].c": "", "obj.users[3]": "", "obj.listId": ""},
        {
            "obj.users[1]\n": "",
            "obj.users[1].\n": "",
            "obj.users[2].x": "",
            f"obj.users[{'9' * 5000}]": "",
        },
    ],
)
def test_a_refusal_names_the_rows_it_blames(params: dict[str, object]) -> None:
    """`obj.users[1].email` is row 1, in the form of 2024 as in the one until 2022."""
    refused = refusal({"code": "BadJsonBody", "params": params})

    assert (frozenset({1, 2}), "invalid_data") == (refused.guilty, refused.reason)


@pytest.mark.parametrize("params", [None, [], "x", {}, {"obj": "no JSON"}, {"obj.users": ""}])
def test_a_refusal_that_blames_no_row_leaves_it_to_bisection(params: object) -> None:
    """Rows are not guessed."""
    assert frozenset() == refusal({"code": "BadJsonBody", "params": params}).guilty


@pytest.mark.parametrize(
    ("message", "guilty"),
    [
        ("Invalid email: B@x.com", {1}),
        ("Emails invalid: a@x.com, b@x.com", {0, 1}),
        ("Emails invalid: ", set()),
        ("Emails invalid: a@x.com, d@x.com", set()),
        ("a@x.com", set()),
        (None, set()),
    ],
)
def test_addresses_called_invalid_are_found_among_the_rows(
    message: str | None, guilty: set[int]
) -> None:
    """If one of them is nobody's, or there is none, no row is blamed for it."""
    body = {"msg": message, "code": "InvalidEmailAddressError", "params": None}
    refused = refusal(body, who="a@x.com b@x.com c@x.com")

    assert (frozenset(guilty), "invalid_identity") == (refused.guilty, refused.reason)


def test_a_field_of_the_wrong_type_blames_the_rows_that_hold_such_values() -> None:
    """The refusal names a field and no row; the rows' own bodies say the rest."""
    body = mismatch(born=clash("date", "string", "keyword", value="soon"))
    items = [row("5", born="2001-02-03"), row("7", born="soon"), row("9", born="later")]
    with pytest.raises(RefusedError) as raised:
        outcomes(reply(body, 400), items, UPDATE)

    assert (frozenset({1, 2}), "field_type") == (raised.value.guilty, raised.value.reason)
    assert "soon" not in f"{raised.value!r}"


@pytest.mark.parametrize("status", [400, 409])
def test_a_forgotten_user_alone_is_skipped(status: int) -> None:
    """A refused call is split until the row stands alone; then it is no dead letter."""
    answer = reply({"code": "ForgottenUserError"}, status)

    assert [Skipped(SkipReason.FORGOTTEN)] == outcomes(answer, rows("7"), UPDATE)
    assert "conflict" == refusal({"code": "ForgottenUserError"}, status).reason


def test_an_unknown_user_alone_is_what_unknown_means_there() -> None:
    """Absent in update mode; an event asks again later."""
    answer = reply({"msg": "No user exists", "code": "UnknownUserIdError", "params": None}, 400)

    assert [Skipped(SkipReason.ABSENT)] == outcomes(answer, rows("7"), UPDATE)
    assert [Postponed(RejectReason.UNKNOWN_USER, 400)] == outcomes(
        answer, rows("7"), events_meaning()
    )


def test_an_unknown_user_whom_the_call_should_have_made_is_refused() -> None:
    """Upsert: the dead letter says why, and with the status that came."""
    answer = reply({"msg": "No user exists", "code": "UnknownUserIdError"}, 400)
    with pytest.raises(RefusedError) as raised:
        outcomes(answer, rows("7"), users_meaning("upsert"))

    assert ("unknown_user", 400) == (raised.value.reason, raised.value.http_status)


def test_no_sentence_holds_what_the_remote_said() -> None:
    """Iterable echoes values and, once, the API key: none of it gets into an error."""
    secret = "leak-me"
    bodies: list[Any] = [
        {"code": secret, "msg": secret, "params": {"obj.users[0]": secret, secret: secret}},
        {"code": f"error.{secret}", "message": secret, "data": {secret: secret}},
        {**ANY_LIST, "params": {"listId": secret}},
        mismatch(**{secret: clash(secret, secret, value=secret)}),
        secret.encode(),
    ]
    for status in (200, 301, 400, 401, 404, 409, 413, 422, 429, 500):
        for body in bodies:
            with pytest.raises(ConnectorError) as raised:
                outcomes(reply(body, status), rows("5", "7"), UPDATE)
            assert secret not in f"{raised.value} {vars(raised.value)}"
