"""IterableUsers when a whole call fails: which error, what of it was applied, and never the key."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from connectors.errors import (
    ConfigurationError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.records import Delivered, RejectReason
from tests.iterable_project import BULK, Project, deliver, item, run_project

ROW: tuple[str, dict[str, object]] = ("1", {"n": 1, "note": "private"})


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profile of user 1."""
    async with run_project("email") as made:
        made.plant({"email": "one@x.com", "userId": "1"})
        yield made


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("429_json", ThrottledError),
        ("429_text", ThrottledError),
        ("500", RetryableError),
        ("503", RetryableError),
        ("413", TooLargeError),
        ("html", RetryableError),
        ("redirect", ConfigurationError),
        ("cut_before_apply", RetryableError),
    ],
)
async def test_a_failed_call_is_named_by_what_must_be_done(
    project: Project, fault: str, expected: type[Exception]
) -> None:
    """One attempt, nothing applied, the next call fine; no text of the answer in the sentence."""
    project.order(fault, endpoint=BULK)
    users = project.users("update")

    with pytest.raises(expected) as caught:
        await deliver(users, ROW)

    assert type(caught.value) is expected
    assert len(project.journal()) == 1
    assert "n" not in project.profiles()["1"]
    for theirs in (project.key, "Exceeded rate", "Too Many", "right back", "private"):
        assert theirs not in str(caught.value)
    assert [Delivered()] == await deliver(users, ROW)


async def test_a_redirect_is_never_followed(project: Project) -> None:
    """The API key would go along to wherever it points: the journal has one call."""
    project.order("redirect", endpoint=BULK)
    project.order("redirect", endpoint="/api/lists")
    users = project.users("update")

    with pytest.raises(ConfigurationError, match="never followed: check region or base_url"):
        await deliver(users, ROW)
    with pytest.raises(ConfigurationError, match="never followed"):
        await users.probe()

    assert [BULK, "/api/lists"] == [entry.path for entry in project.journal()]


async def test_a_call_cut_after_it_was_applied_is_retryable(project: Project) -> None:
    """Nobody can know; sent again it changes nothing more."""
    project.order("cut_after_apply", endpoint=BULK)
    users = project.users("update")

    with pytest.raises(RetryableError):
        await deliver(users, ROW)

    applied = project.profiles()
    assert applied["1"]["n"] == 1
    assert [Delivered()] == await deliver(users, ROW)
    assert applied["1"].items() >= {"n": 1, "note": "private"}.items()
    assert len(project.journal()) == 2


async def test_an_answer_that_stops_in_the_middle_is_given_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a body and then silence: retryable within the time a call has."""
    timeout = aiohttp.ClientTimeout(total=5, sock_read=0.5)
    monkeypatch.setattr("connectors.iterable.client.TIMEOUT", timeout)
    project.order("slow_body", endpoint=BULK, seconds=30)
    users = project.users("update")
    began = time.monotonic()

    with pytest.raises(RetryableError, match="did not answer in time"):
        await deliver(users, ROW)

    assert time.monotonic() - began < 3
    assert [Delivered()] == await deliver(users, ROW)


async def test_a_field_of_another_type_refuses_the_whole_call(project: Project) -> None:
    """Nothing is written, for the first row neither; the row that holds such a value is known."""
    project.pin("n", "long")
    users = project.users("update")

    with pytest.raises(RefusedError) as caught:
        await deliver(users, ("1", {"m": 1}), ("1", {"n": "private text"}))

    assert (frozenset({1}), "field_type") == (caught.value.guilty, caught.value.reason)
    assert "private" not in str(caught.value)
    assert project.profiles()["1"] == {}


async def test_a_refusal_may_leave_open_whom_it_means(project: Project) -> None:
    """Without its params nobody is blamed: the sender splits the call."""
    project.turn(explain_refusals=False)
    project.pin("n", "long")
    with pytest.raises(RefusedError) as caught:
        await deliver(project.users("update"), ("1", {"m": 1}), ("1", {"n": "private text"}))

    assert (frozenset(), "field_type") == (caught.value.guilty, caught.value.reason)


async def test_a_bad_row_is_named_by_its_number(project: Project) -> None:
    """A row of a wrong JSON shape: `obj.users[1].…` becomes the guilty row 1."""
    users = project.users("update")
    good = item(users, "1", n=1)
    bad = type(good)("2", b'{"userId":2,"dataFields":{}}', "2")

    with pytest.raises(RefusedError) as caught:
        await users.deliver([good, bad, good])

    assert frozenset({1}) == caught.value.guilty
    assert caught.value.reason == RejectReason.INVALID_DATA


async def test_a_body_above_the_projects_cap_is_too_large(project: Project) -> None:
    """Status 413 means: halve the batch."""
    project.turn(max_body_bytes=100)
    with pytest.raises(TooLargeError):
        await deliver(project.users("update"), ("1", {"t": "x" * 200}))


async def test_a_full_list_of_fields_is_a_persons_job(project: Project) -> None:
    """No batch is small enough for a field too many."""
    project.turn(field_limit=9)
    with pytest.raises(ConfigurationError, match="limit of user fields"):
        await deliver(project.users("update"), ("1", {f"f{n}": 1 for n in range(20)}))


async def test_a_revoked_key_stops_and_a_rotated_one_goes_on(project: Project) -> None:
    """Each call reads the key anew: once the secret is replaced, the same destination works."""
    users = project.users("update")
    good, project.key = project.key, "revoked"
    project.revoke("revoked")

    with pytest.raises(ConfigurationError, match="refused the API key") as caught:
        await deliver(users, ROW)
    with pytest.raises(ConfigurationError, match="refused the API key"):
        await users.probe()

    assert "check that it is a server-side key" in str(caught.value)
    project.key = good
    assert [Delivered()] == await deliver(users, ROW)


async def test_the_calls_above_the_rate_are_throttled(project: Project) -> None:
    """The stand-in holds the published limit: the sixth call in a second is a 429."""
    users = project.users("update")
    refused = 0
    for _ in range(7):
        try:
            await deliver(users, ROW)
        except ThrottledError:
            refused += 1

    assert refused == 2


@pytest.mark.parametrize("path", ["/nowhere", "/api/users"])
async def test_a_base_url_that_is_no_api_is_a_persons_job(project: Project, path: str) -> None:
    """404 with a page: check the base_url; tried again it would never work."""
    users = project.users("update", url=project.url + path)
    for call in (users.probe(), deliver(users, ROW)):
        with pytest.raises(ConfigurationError, match="check region or base_url"):
            await call


@pytest.mark.parametrize("listens", [False, True], ids=["closed port", "silent port"])
async def test_an_iterable_that_is_away_is_retryable_in_bounded_time(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    """The sentence names the address; the wait has an end."""
    timeout = aiohttp.ClientTimeout(total=1.0)
    monkeypatch.setattr("connectors.iterable.client.TIMEOUT", timeout)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        users = project.users("update", url=url)
        for call in (users.probe(), deliver(users, ROW)):
            began = time.monotonic()
            with pytest.raises(RetryableError, match=url):
                await call
            assert time.monotonic() - began < 3
