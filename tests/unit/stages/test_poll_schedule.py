"""The poll stage follows its model's schedules on the wall clock."""

from __future__ import annotations

import random
from typing import Literal, cast

import pytest

from connectors.errors import ConfigurationError
from connectors.ports import Source
from connectors.records import Model
from tests.fakes import FakeClock
from worker.rules.schedule import Continuous, Cron, Every, Schedule
from worker.stages.poll import PollPolicy, PollStage

EIGHT = 1_800_000_000.0  # 15 January 2027, 8:00 UTC, where FakeClock begins
PEOPLE = Model("people", "SELECT * FROM PEOPLE", "ID", "CHANGED")


class Meter:
    """Counts nothing; a poll that fails fails the test."""

    def polled(self, model: str, result: str, now: float) -> None: ...

    def poll_error(self, _: str, kind: str) -> None:
        raise AssertionError(kind)

    def poll_state(self, _: str, state: str, reason: str) -> None:
        raise AssertionError(state, reason)


class SlowReading:
    """Reads for ten minutes each time; the fourth read stops the process."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.clock.seconds = 0.0
        self.started: list[float] = []

    def change_token(self) -> str:
        return ""

    async def read(self, _: str | None) -> Literal["complete", "limit_reached"]:
        self.started.append((self.clock.now() - EIGHT) / 60.0)
        self.clock.seconds += 600.0
        if len(self.started) == 4:
            self.clock.stop()
        return "complete"


@pytest.mark.parametrize(
    ("schedules", "minutes"),
    [
        ((Every(900.0),), [0.0, 15.0, 30.0, 45.0]),
        ((Every(60.0),), [0.0, 10.0, 20.0, 30.0]),
        ((Continuous(900.0),), [0.0, 25.0, 50.0, 75.0]),
        ((Cron("45 8 * * *"),), [0.0, 45.0, 1_485.0, 2_925.0]),
        ((Cron("0 9 * * *"), Continuous(1_800.0)), [0.0, 40.0, 60.0, 100.0]),
    ],
)
async def test_polls_start_when_the_earliest_schedule_wants(
    schedules: tuple[Schedule, ...], minutes: list[float]
) -> None:
    """In minutes after eight; the first one at once, whatever the schedule."""
    reading = SlowReading()
    stage = PollStage(
        PEOPLE,
        PollPolicy(schedules, settle_delay_seconds=0.0),
        cast("Source", None),  # never asked: the model names no table to ask about
        reading,
        clock=reading.clock,
        dice=random.Random(7),
        meter=Meter(),
    )
    await stage.run()

    assert minutes == reading.started


class RefusedReading(SlowReading):
    """A guard refuses what was read, each time."""

    async def read(self, token: str | None) -> Literal["complete", "limit_reached"]:
        await super().read(token)
        raise ConfigurationError("too many rows left", kind="guard")


class QuietMeter(Meter):
    """Failures are what this is about."""

    def poll_error(self, _: str, kind: str) -> None:
        assert kind == "guard"

    def poll_state(self, _: str, state: str, reason: str) -> None:
        assert (state, reason) == ("stopped", "too many rows left")


async def test_a_refused_snapshot_is_read_again_on_schedule() -> None:
    """Not with each probe: it was read whole, and a person has to look at it."""
    reading = RefusedReading()
    stage = PollStage(
        PEOPLE,
        PollPolicy((Every(86_400.0),), settle_delay_seconds=0.0, probe_seconds=30.0),
        cast("Source", None),
        reading,
        clock=reading.clock,
        dice=random.Random(7),
        meter=QuietMeter(),
    )
    await stage.run()

    assert [0.0, 1_440.0, 2_880.0, 4_320.0] == reading.started
