"""Hours of trouble on a clock that jumps: nothing grows, nothing is dropped, it ends by itself."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from connectors.errors import ConfigurationError, ConnectorError, RetryableError, ThrottledError
from connectors.ports import Assigned
from connectors.records import Answer, Delivered, Item, Rejected, RejectReason
from tests.fakes import P0, FakeDestination, kind_of, message, turns
from tests.unit.stages.desk import Desk
from worker.rules.batching import BatchPolicy
from worker.rules.rate_limit import RatePolicy
from worker.stages.consume import ConsumePolicy

HOUR = 3_600.0
MINUTE = 60.0
RATE = RatePolicy(5.0)

Failure = Callable[[], ConnectorError]  # a new one each time: it keeps where it was raised


def down() -> ConnectorError:
    return RetryableError("broken", kind="server_error")


def revoked() -> ConnectorError:
    return ConfigurationError("the API key is refused", kind="api_key")


def throttled() -> ConnectorError:
    return ThrottledError("slow down")


class Trouble(FakeDestination):
    """Fails until a moment; keeps when calls came, and which rows were taken."""

    def __init__(self, desk: Desk, failure: Failure) -> None:
        super().__init__()
        self._desk = desk
        self._failure = failure
        self.until = desk.clock.seconds
        self.refused = 0
        self.taken: list[str] = []
        self.moments: list[float] = []

    async def deliver(self, items: Sequence[Item]) -> Answer:
        if self._desk.clock.seconds < self.until:
            self.refused += 1
            raise self._failure()
        self.moments.append(self._desk.clock.seconds)
        self.taken += [item.identity for item in items]
        bad = Rejected(RejectReason.INVALID_DATA, 200)
        return Answer([bad if kind_of(item) == "bad" else Delivered() for item in items])


def desk_in_trouble(failure: Failure, seconds: float, **options: object) -> Desk:
    """Return a desk whose destination fails for so long."""
    desk = Desk(rate=RATE, consume=ConsumePolicy(commit_seconds=0.0), **options)  # type: ignore[arg-type]
    trouble = Trouble(desk, failure)
    trouble.until = desk.clock.seconds + seconds
    desk.destination = desk.send._destination = trouble
    return desk


def trouble_of(desk: Desk) -> Trouble:
    assert isinstance(desk.destination, Trouble)
    return desk.destination


async def pass_until(desk: Desk, moment: float) -> None:
    """Let time pass; what only the stand-ins remember is forgotten."""
    while desk.clock.seconds < moment:
        desk.consumer.tick()
        await turns(4)
        if desk.clock.seconds < moment:
            desk.clock.seconds += 0.01  # also when nobody sleeps
        for memory in (desk.clock.slept, desk.meter.errors, desk.meter.lags, desk.meter.states):
            del memory[:-1]


async def read(desk: Desk, rows: int, kind: Callable[[int], str] = lambda _: "good") -> None:
    """Let the group read rows, each of another profile."""
    desk.consumer.tick(Assigned({P0: 0}, {P0: 0}, topic_partitions=1))
    await turns()
    for start in range(0, rows, 500):
        found = range(start, min(start + 500, rows))
        await desk.read(*(message(f"u{i}", 1, i, kind=kind(i)) for i in found))


@pytest.mark.parametrize("failure", [down, revoked])
async def test_six_hours_of_failures_drain_by_themselves(failure: Failure) -> None:
    """Nothing grows between hour 1 and hour 6; then every row is taken once, and committed."""
    desk = desk_in_trouble(failure, 6 * HOUR, batch=BatchPolicy(100, linger_seconds=0.0))
    trouble, begun = trouble_of(desk), desk.clock.seconds
    async with desk.running():
        await read(desk, 2_000)
        await pass_until(desk, begun + HOUR)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        await pass_until(desk, begun + 6 * HOUR)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        refused = trouble.refused
        await pass_until(desk, begun + 6 * HOUR + 3 * MINUTE)

    assert grown < 200_000
    assert refused < 6 * HOUR, "less than a call a second while nothing works"
    assert sorted(f"u{i}" for i in range(2_000)) == sorted(trouble.taken)
    assert {P0: 2_000} == desk.committed
    assert {"consumed": 2_000, "delivered": 2_000} == desk.meter.rows


async def test_ten_minutes_of_429_drop_nothing_and_are_over_in_half_a_minute() -> None:
    """Few calls while it lasts; after 30 s the rate is at 90 % of the limit again, or more."""
    desk = desk_in_trouble(throttled, 10 * MINUTE, batch=BatchPolicy(1))
    trouble, end = trouble_of(desk), desk.clock.seconds + 10 * MINUTE
    async with desk.running():
        await read(desk, 1_000)
        await pass_until(desk, end)
        refused = trouble.refused
        await pass_until(desk, end + 2 * MINUTE)
        later = [m for m in trouble.moments if end + 30.0 <= m < end + 90.0]
        await pass_until(desk, end + 6 * MINUTE)

    full = RATE.calls_per_second * RATE.share
    assert refused <= 10 * MINUTE * full / 4
    assert len(later) / 60.0 >= 0.9 * full
    assert {"consumed": 1_000, "delivered": 1_000} == desk.meter.rows
    assert {P0: 1_000} == desk.committed


async def test_dead_letters_that_can_not_be_written_for_a_minute_lose_nothing() -> None:
    """The good rows are delivered, the offset waits at the first bad one, and goes on by itself."""
    desk = desk_in_trouble(down, 0.0, batch=BatchPolicy(10, linger_seconds=0.0))
    begun = desk.clock.seconds
    desk.dead_letters.failure = RetryableError("no answer", kind="kafka_unavailable")
    async with desk.running():
        await read(desk, 100, lambda i: "bad" if i == 45 else "good")
        await pass_until(desk, begun + MINUTE)
        assert desk.committed[P0] <= 45
        assert 0 == desk.meter.rows["rejected"]
        desk.dead_letters.failure = None
        await pass_until(desk, begun + 4 * MINUTE)

    assert [45] == [letter.message.offset for letter in desk.dead_letters.letters]
    assert {P0: 100} == desk.committed
    assert {"consumed": 100, "delivered": 99, "rejected": 1} == desk.meter.rows
