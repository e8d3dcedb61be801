"""Whatever the bytes are: one outcome per row or one of our errors, and no false delivery."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.iterable.answers import (
    check,
    events_meaning,
    lists_meaning,
    users_meaning,
)
from connectors.iterable.client import Reply
from connectors.records import Delivered, Item, Undetermined
from tests.unit.connectors.iterable_answers import REASONS, clash, mismatch, outcomes

# The first text drawn builds a table that takes a second, ten on a busy machine: too slow for the
# health check, and the only thing that ever failed here.
fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WHO = ["5", "7", "ann@x.com", "7"]
ROWS = [
    Item(who, orjson.dumps({"userId": who, "eventName": "e", "dataFields": {"n": n}}), str(n))
    for n, who in enumerate(WHO)
]
MEANINGS = [
    users_meaning("upsert"),
    users_meaning("update", "prefer_user_id"),
    users_meaning("update", "index"),
    events_meaning(),
    lists_meaning("subscribe", None),
    lists_meaning("unsubscribe", None),
]
LISTS = [f"{reason}{kind}" for reason in REASONS for kind in ("Emails", "UserIds")]
CODES = ["Success", "BadJsonBody", "InvalidEmailAddressError", "RequestFieldsTypesMismatched"]

words = st.sampled_from([*WHO, "ANN@x.com ", "x", "e", "n", "", "error.lists.invalidListId(1)"])
numbers = st.integers(-2, 6) | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
junk = st.recursive(
    st.none() | st.booleans() | numbers.filter(lambda n: abs(n) != float("inf")) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
names = st.lists(words, max_size=5)
lists = st.dictionaries(st.sampled_from(LISTS), names | junk, max_size=4)
results = st.fixed_dictionaries(
    {"successCount": st.integers(0, 5), "failCount": st.integers(0, 5)},
    optional={
        "failedUpdates": lists | junk,
        "noOpUserIds": names | junk,
        "noOpEmails": names | junk,
        "invalidEmails": names | junk,
        "invalidUserIds": names | junk,
        "disallowedEventNames": names | junk,
        "createdFields": names | junk,
    },
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "incomingTypes": st.lists(st.sampled_from(["string", "long", "?"]) | junk, max_size=3)
        | junk,
        "expectedType": st.sampled_from(["date", "long", "object"]) | junk,
        "offendingValue": junk,
    },
)
refusals = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(CODES) | junk,
        "msg": words | junk,
        "message": words | junk,
        "data": junk,
        "params": st.dictionaries(st.sampled_from(["obj.users[1].x", "obj.events[9]", "x"]), junk)
        | st.fixed_dictionaries({"validationErrors": st.dictionaries(words, fields) | junk})
        | junk,
    },
)
statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 404, 408, 409, 413, 422, 429, 500, 999])


def judge(reply: Reply, meaning_number: int) -> list[Any] | None:
    """The outcomes, or None when one of our errors said what must be done."""
    try:
        found = outcomes(reply, ROWS, MEANINGS[meaning_number])
    except ConnectorError:
        return None
    assert len(ROWS) == len(found)
    return found


@fuzzed
@given(statuses, results | refusals, st.integers(0, len(MEANINGS) - 1))
def test_any_answer_gives_one_outcome_per_row_or_one_of_our_errors(
    status: int, body: dict[str, Any], meaning: int
) -> None:
    """Nothing else is ever raised, and nothing is delivered unless the sums add up."""
    found = judge(Reply(status, orjson.dumps(body)), meaning)

    assert found is None or 200 <= status < 300
    if found and Delivered() in found:
        named = sum(not isinstance(outcome, Delivered) for outcome in found)
        assert body["successCount"] + body["failCount"] == len(ROWS)
        assert body["failCount"] <= named


@fuzzed
@given(statuses, junk, st.sampled_from(sorted({*LISTS, "failedUpdates", "successCount"})))
def test_a_valid_answer_with_one_thing_wrong_is_no_crash(
    status: int, wrong: object, key: str
) -> None:
    """A key of another type leaves rows open or makes the answer unreadable."""
    body: dict[str, Any] = {
        "successCount": 3,
        "failCount": 1,
        "failedUpdates": {name: [] for name in LISTS} | {"forgottenUserIds": ["5"]},
    }
    (body if key in body else body["failedUpdates"])[key] = wrong
    found = judge(Reply(status, orjson.dumps(body)), 0)

    assert found is None or Undetermined() in found or found[1:] == [Delivered()] * 3


@fuzzed
@given(statuses, st.binary(max_size=40), st.integers(0, len(MEANINGS) - 1))
def test_any_bytes_are_no_crash(status: int, body: bytes, meaning: int) -> None:
    """Nor is any of them a success."""
    assert None is judge(Reply(status, body), meaning)


VALID = [
    orjson.dumps(mismatch(n=clash("string", "long", value=1))),
    orjson.dumps({"code": "BadJsonBody", "params": {"obj.users[1].x": "y"}}),
    orjson.dumps({"successCount": 3, "failCount": 1, "failedUpdates": {"forgottenUserIds": ["5"]}}),
]


@fuzzed
@given(statuses, st.sampled_from(VALID), st.data())
def test_a_damaged_answer_is_no_crash(status: int, body: bytes, data: st.DataObject) -> None:
    """Cut off, or with some bytes of it replaced."""
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    judge(Reply(status, body[:start] + data.draw(st.binary(max_size=4)) + body[end:]), 0)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000 + b"]" * 1_000,
        b"[" * 100_000,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b'"\\ud800"',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5_000,
        b'"\\u0000"',
        b'"' + b"a" * 1_000_000 + b'"',
        b"\xff\xfe",
        b"",
    ],
    ids=range(12),
)
@pytest.mark.parametrize("status", [200, 400, 404, 409, 500])
def test_what_parsers_stumble_over_is_no_crash(text: bytes, status: int) -> None:
    """Nested too deep, too large, no Unicode: at every place of an answer."""
    bodies = [text] + [
        b'{"%b":%b,"%b":%b}' % (first, text, second, text)
        for first, second in (
            (b"code", b"msg"),
            (b"params", b"message"),
            (b"successCount", b"failCount"),
        )
    ]
    bodies += [
        b'{"code":"RequestFieldsTypesMismatched","params":{"validationErrors":{"n":%b}}}' % text,
        b'{"code":"RequestFieldsTypesMismatched","params":{"validationErrors":{"n":'
        b'{"expectedType":"string","incomingTypes":["long"],"offendingValue":%b}}}}' % text,
        b'{"successCount":3,"failCount":1,"failedUpdates":{"invalidEmails":%b}}' % text,
        b'{"successCount":3,"failCount":1,"successCount":%b}' % text,
    ]
    for body in bodies:
        judge(Reply(status, body), 0)
        judge(Reply(status, body), 2)


@fuzzed
@given(statuses, (results | refusals | junk).map(orjson.dumps) | st.binary(max_size=40))
def test_a_probe_passes_or_raises_one_of_our_errors(status: int, body: bytes) -> None:
    """A page that is no JSON object is no Iterable."""
    try:
        found = check(Reply(status, body))
    except ConnectorError:
        return

    assert 200 <= status < 300
    assert found == orjson.loads(body)
