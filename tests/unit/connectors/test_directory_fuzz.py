"""Whatever a look-up is answered: somebody, nobody, or one of our errors."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.iterable.client import IterableClient, Reply
from connectors.iterable.directory import IterableDirectory

fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

statuses = st.sampled_from([200, 204, 301, 400, 401, 404, 408, 409, 413, 414, 422, 429, 500, 999])
words = st.sampled_from(["", "a@x.com", "BadParams", "UnknownEmailError", "No user with that id"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "code": junk,
        "msg": junk,
        "params": junk,
        "user": junk | st.fixed_dictionaries({}, optional={"email": junk, "userId": junk}),
    },
)


class OneReply(IterableClient):
    """Answers every call alike."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("http://127.0.0.1:1", lambda: "key")
        self._reply = reply

    async def get(self, path: str) -> Reply:  # noqa: ARG002  # it is always the same
        return self._reply


def looked_up(reply: Reply) -> bool | None:
    """What is known of the profile after this answer."""
    with contextlib.suppress(ConnectorError):
        return asyncio.run(IterableDirectory(OneReply(reply), "email").exists("a@x.com"))
    return None


@fuzzed
@given(statuses, answers | junk)
def test_any_json_says_that_somebody_is_there_or_not_or_is_one_of_our_errors(
    status: int, body: Any
) -> None:
    """Nobody is absent by an answer that only does not show a user."""
    found = looked_up(Reply(status, orjson.dumps(body)))

    if found is False and status < 300:
        assert body == {} or "user" in body
    if found:
        assert body["user"]["email"] or body["user"]["userId"]


@fuzzed
@given(statuses, st.binary(max_size=40))
def test_any_bytes_are_no_crash(status: int, body: bytes) -> None:
    """Nor do they show somebody."""
    assert not looked_up(Reply(status, body))
