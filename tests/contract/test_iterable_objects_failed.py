"""Every object of Iterable keeps these promises of a call that fails as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.errors import ConfigurationError, RetryableError, ThrottledError, TooLargeError
from connectors.records import Delivered
from tests.contract.iterable_desks import PROFILES, Desk, every_desk
from tests.iterable_project import Project, deliver, run_project

ONE: dict[str, object] = {"n": 1}
PRIVATE: dict[str, object] = {"n": 1, "note": "private"}


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profiles of users 1 and 2."""
    async with run_project("email") as made:
        made.plant(*PROFILES)
        yield made


@every_desk
async def test_a_body_above_the_projects_cap_is_too_large(desk: Desk, project: Project) -> None:
    """Status 413 means: halve the batch."""
    destination = desk.make(project, "userId", "email", None)
    await deliver(destination, ("1", ONE))
    project.turn(max_body_bytes=100)
    with pytest.raises(TooLargeError):
        await deliver(destination, ("1" * 40, ONE), ("2" * 40, ONE))


@every_desk
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
        ("cut_after_apply", RetryableError),
    ],
)
async def test_a_failed_call_is_named_by_what_must_be_done(
    desk: Desk, project: Project, fault: str, expected: type[Exception]
) -> None:
    """One attempt, the next call fine; no text of the answer in the sentence."""
    destination = desk.make(project, "userId", "email", None)
    await deliver(destination, ("1", ONE))
    calls = len(project.journal())
    project.order(fault, endpoint=desk.endpoint)

    with pytest.raises(expected) as caught:
        await deliver(destination, ("2", PRIVATE))

    assert type(caught.value) is expected
    assert calls + 1 == len(project.journal())
    assert (fault == "cut_after_apply") == ("2" in desk.landed(project))
    for theirs in (project.key, "Exceeded rate", "Too Many", "right back", "private"):
        assert theirs not in str(caught.value)
    assert [Delivered()] == await deliver(destination, ("2", PRIVATE))
    assert {"1", "2"} == desk.landed(project)


@every_desk
async def test_a_revoked_key_stops_and_a_rotated_one_goes_on(desk: Desk, project: Project) -> None:
    """Each call reads the key anew: once the secret is replaced, the same destination works."""
    destination = desk.make(project, "userId", "email", None)
    good, project.key = project.key, "revoked"
    project.revoke("revoked")
    for call in (destination.probe(), deliver(destination, ("1", ONE))):
        with pytest.raises(ConfigurationError, match="refused the API key"):
            await call

    project.key = good
    assert [Delivered()] == await deliver(destination, ("1", ONE))


@every_desk
async def test_a_base_url_that_is_no_api_is_a_persons_job(desk: Desk, project: Project) -> None:
    """404 with a page: check the base_url; no row is at fault, and none is set aside."""
    destination = desk.make(project, "userId", "email", project.url + "/nowhere")
    for call in (destination.probe(), deliver(destination, ("1", ONE))):
        with pytest.raises(ConfigurationError, match="check region or base_url"):
            await call


@every_desk
async def test_the_calls_stay_within_the_published_rate(desk: Desk, project: Project) -> None:
    """What the object says of its endpoint is what the stand-in holds it to."""
    destination = desk.make(project, "userId", "email", None)
    limits = destination.limits
    assert desk.calls_per_second in {None, limits.calls_per_second}
    refused = 0
    for _ in range(int(limits.calls_per_second) + 2):
        try:
            await deliver(destination, ("1", ONE))
        except ThrottledError:
            refused += 1

    assert refused == (0 if desk.calls_per_second is None else 2)
