"""Any answer gives every row one outcome, and nothing is called delivered that may not be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.iterable import answers
from connectors.iterable.answers import Mode, check, users_meaning
from connectors.iterable.client import Reply
from connectors.records import (
    Delivered,
    Item,
    Outcome,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Undetermined,
)

ROWS = ["5", "7", "9"]
ABSENT = Skipped(SkipReason.ABSENT)


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else orjson.dumps(body))


def outcomes(answer: Reply, identities: Sequence[str], mode: Mode) -> list[Outcome]:
    items = [Item(identity, b"{}", identity) for identity in identities]
    return answers.outcomes(answer, items, users_meaning(mode))


def bulk(succeeded: int, failed: int, mode: Mode = "update", **lists: Any) -> list[Outcome]:
    body = {"successCount": succeeded, "failCount": failed, "failedUpdates": lists}
    return outcomes(reply(body), ROWS, mode)


def test_an_answer_that_adds_up_is_believed() -> None:
    """The named rows have their reason, all others are delivered."""
    assert [Delivered()] * 3 == bulk(3, 0)
    assert [Delivered(), ABSENT, Delivered()] == bulk(2, 1, notFoundUserIds=["7"])


@pytest.mark.parametrize(("succeeded", "failed"), [(1, 2), (3, 1), (3, 0), (0, 3), (2, 0)])
def test_one_that_does_not_leaves_rows_open(succeeded: int, failed: int) -> None:
    """One is named but two failed: the other two rows are asked about again."""
    found = bulk(succeeded, failed, notFoundUserIds=["7"])

    assert [Undetermined(), ABSENT, Undetermined()] == found


def test_a_200_may_fail_every_row() -> None:
    """The status says nothing of rows."""
    assert [ABSENT] * 3 == bulk(0, 3, notFoundUserIds=ROWS)


@pytest.mark.parametrize(
    ("name", "update", "upsert"),
    [
        ("notFoundUserIds", ABSENT, Rejected(RejectReason.UNEXPLAINED, 200)),
        ("invalidUserIds", ABSENT, Rejected(RejectReason.INVALID_IDENTITY, 200)),
        ("invalidDataUserIds", *[Rejected(RejectReason.INVALID_DATA, 200)] * 2),
        ("conflictUserIds", *[Rejected(RejectReason.CONFLICT, 200)] * 2),
        ("forgottenUserIds", *[Skipped(SkipReason.FORGOTTEN)] * 2),
    ],
)
def test_every_list_has_its_meaning(name: str, update: Outcome, upsert: Outcome) -> None:
    """An id that update mode can't find is absent, however Iterable lists it."""
    assert update == bulk(2, 1, "update", **{name: ["7"]})[1]
    assert upsert == bulk(2, 1, "upsert", **{name: ["7"]})[1]


def test_emails_are_matched_whatever_their_case() -> None:
    """Iterable may echo an address as it was written or in lower case."""
    body = {"successCount": 0, "failCount": 1, "failedUpdates": {"forgottenEmails": [" A@B.com"]}}

    assert [Skipped(SkipReason.FORGOTTEN)] == outcomes(reply(body), ["a@b.com"], "upsert")


@pytest.mark.parametrize("failed", [0, 1])
def test_a_no_op_row_is_unchanged_on_whichever_side_it_is_counted(failed: int) -> None:
    """Not documented: as a success or as a failure."""
    body = {"successCount": 3 - failed, "failCount": failed, "noOpUserIds": ["7"]}

    assert [Delivered(), Unchanged(), Delivered()] == outcomes(reply(body), ROWS, "upsert")


def test_a_single_row_that_failed_without_a_name_is_rejected() -> None:
    """Nothing smaller can be asked."""
    body = {"successCount": 0, "failCount": 1}

    assert [Rejected(RejectReason.UNEXPLAINED, 200)] == outcomes(reply(body), ["7"], "update")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"code": "RateLimitExceeded"}, ThrottledError),
        (429, b"slow down", ThrottledError),
        (408, b"", RetryableError),
        (500, {"code": "Success"}, RetryableError),
        (503, b"<html>", RetryableError),
        (413, b"", TooLargeError),
        (400, {"code": "BatchTooLarge"}, TooLargeError),
        (400, {"code": "Success"}, RefusedError),
        (400, {"code": "BadJsonBody"}, RefusedError),
        (409, {"code": "UserIdAlreadyExists"}, RefusedError),
        (400, {"code": "UniqueFieldsLimitExceeded"}, ConfigurationError),
        (401, {"code": "BadApiKey"}, ConfigurationError),
        (403, b"", ConfigurationError),
        (301, b"", ConfigurationError),
        (404, b"<html>", ConfigurationError),
        (200, b"<html>hello", RetryableError),
        (200, b"", RetryableError),
        (200, [], RetryableError),
        (200, {"successCount": "3", "failCount": 0}, RetryableError),
    ],
)
def test_a_failed_call_raises_what_must_be_done(
    status: int, body: Any, error: type[ConnectorError]
) -> None:
    """Status first: the code lies, an unknown list is answered 400 with `Success`."""
    with pytest.raises(ConnectorError) as raised:
        outcomes(reply(body, status), ROWS, "update")

    assert error is type(raised.value)


def test_a_429_hands_on_its_wait() -> None:
    """`Retry-After` is obeyed."""
    with pytest.raises(ThrottledError) as raised:
        outcomes(Reply(429, b"", 17.0), ROWS, "update")

    assert 17.0 == raised.value.retry_after_seconds


def test_a_refusal_names_the_rows_it_blames() -> None:
    """`obj.users[1].email` is row 1."""
    body = {"code": "BadJsonBody", "params": {"obj.users[1].email": "x", "obj.users[2]": "y"}}
    with pytest.raises(RefusedError) as raised:
        outcomes(reply(body, 400), ROWS, "upsert")

    assert (frozenset({1, 2}), "invalid_data") == (raised.value.guilty, raised.value.reason)


def test_no_sentence_holds_what_the_remote_said() -> None:
    """Iterable echoes values and, once, the API key: none of it gets into an error."""
    for status in (301, 400, 401, 404, 409, 413, 429, 500):
        body = {"code": "leak-me", "msg": "leak-me", "params": {"obj.users[0]": "leak-me"}}
        with pytest.raises(ConnectorError) as raised:
            outcomes(reply(body, status), ROWS, "update")
        assert "leak-me" not in str(raised.value)


LISTS = [
    f"{kind}{what}"
    for kind in ("invalid", "notFound", "invalidData", "conflict", "forgotten")
    for what in ("Emails", "UserIds")
]
junk = st.none() | st.booleans() | st.integers(-3, 5) | st.text(max_size=3)
names = st.lists(st.sampled_from([*ROWS, "x"]) | junk, max_size=5) | junk
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "successCount": st.integers(-2, 5) | junk,
        "failCount": st.integers(-2, 5) | junk,
        "failedUpdates": st.dictionaries(st.sampled_from(LISTS), names, max_size=4) | junk,
        "noOpUserIds": names,
        "noOpEmails": names,
        "invalidEmails": names,
        "invalidUserIds": names,
        "code": junk | st.sampled_from(["Success", "BadJsonBody", "BatchTooLarge"]),
        "params": st.dictionaries(st.sampled_from(["obj.users[1]", "x"]), junk) | junk,
    },
)
statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 404, 408, 409, 413, 422, 429, 500, 503])


@given(statuses, envelopes | st.binary(max_size=30), st.sampled_from(["upsert", "update"]))
def test_any_answer_gives_one_outcome_per_row_or_one_of_our_errors(
    status: int, body: Any, mode: Mode
) -> None:
    """Nothing else is ever raised, and nothing is delivered unless the sums add up."""
    try:
        found = outcomes(reply(body, status), ROWS, mode)
    except ConnectorError:
        return

    assert len(ROWS) == len(found)
    assert 200 <= status < 300
    if Delivered() in found:
        named = sum(not isinstance(o, Delivered) for o in found)
        assert body["successCount"] + body["failCount"] == len(ROWS)
        assert body["failCount"] <= named
        assert Undetermined() not in found


@given(statuses, envelopes | st.binary(max_size=30))
def test_a_probe_passes_or_raises_one_of_our_errors(status: int, body: Any) -> None:
    """A page that is no JSON object is no Iterable."""
    try:
        check(reply(body, status))
    except ConnectorError:
        return

    assert 200 <= status < 300
    assert isinstance(body, dict)
