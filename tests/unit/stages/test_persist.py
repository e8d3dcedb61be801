"""Failures are waited out for as long as it takes, and said aloud."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import ConfigurationError, RetryableError, ThrottledError
from tests.unit.stages.desk import Desk
from worker.clock import StoppingError


async def test_backoff_grows_to_its_cap_and_a_remote_wait_wins() -> None:
    """0.5 s doubles to 60 s, jittered below; `Retry-After` is taken as it is."""
    desk = Desk()
    failures = [RetryableError("down", kind="network") for _ in range(30)]
    failures.append(RetryableError("down", kind="network", retry_after_seconds=123.0))

    async def call() -> str:
        if failures:
            raise failures.pop(0)
        return "done"

    assert "done" == await desk.persist.until_done(call)
    assert 123.0 == desk.clock.slept[-1]
    assert all(0.0 <= s <= min(60.0, 0.5 * 2.0**i) for i, s in enumerate(desk.clock.slept[:-1]))
    assert len(set(desk.clock.slept)) > 25
    assert ["network"] * 31 == desk.meter.errors


async def test_a_429_uses_up_no_attempt() -> None:
    """The backoff after a hundred 429s starts where it would have started without them."""
    desk = Desk()
    failures: list[RetryableError] = [ThrottledError("slow down") for _ in range(100)]
    failures.append(RetryableError("down", kind="network"))

    async def call() -> None:
        if failures:
            raise failures.pop(0)

    await desk.persist.until_done(call)

    assert 1 == len(desk.clock.slept)
    assert desk.clock.slept[0] <= 0.5


async def test_every_wait_ends_on_stop() -> None:
    """A process asked to stop leaves the loop; the call has no outcome."""
    desk = Desk()

    async def call() -> None:
        desk.clock.stop()
        raise RetryableError("down", kind="network")

    with pytest.raises(StoppingError):
        await desk.persist.until_done(call)
    with pytest.raises(StoppingError):
        await desk.persist.stopped("a person must act")


async def test_what_nobody_classified_is_not_caught() -> None:
    """A bug ends the process loudly instead of being retried for ever."""
    desk = Desk()

    async def call() -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await desk.persist.until_done(call)


async def test_the_state_says_what_is_wrong_and_when_it_is_over() -> None:
    """Retrying, stopped, running: each with the connector's own sentence."""
    desk = Desk()
    failures = [
        RetryableError("Iterable answered 503", kind="server_error"),
        ConfigurationError("the key is revoked", kind="api_key"),
    ]

    async def call() -> None:
        if failures:
            raise failures.pop(0)

    await desk.persist.until_done(call)

    assert [
        ("retrying", "Iterable answered 503"),
        ("stopped", "the key is revoked"),
        ("running", ""),
    ] == desk.meter.states


async def test_a_call_that_works_does_not_hide_one_that_waits() -> None:
    """The sync stays `stopped` while any of its calls waits for a person."""
    desk = Desk()
    refused = [ConfigurationError("the key is refused", kind="api_key")]

    async def works() -> None:
        return None

    async def waits() -> None:
        if refused:
            raise refused.pop()

    async def beside() -> None:
        await desk.persist.until_done(works)
        assert "stopped" == desk.meter.states[-1][0]

    waiting = asyncio.create_task(desk.persist.until_done(waits))
    await asyncio.sleep(0)  # noqa: TID251  # lets the first call fail
    await beside()
    await waiting

    assert "running" == desk.meter.states[-1][0]
