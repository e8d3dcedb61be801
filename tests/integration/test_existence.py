"""Update by e-mail: nobody is made, nobody is missed, and a backlog needs minutes, not hours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.iterable.directory import LIMITS
from tests.integration.existing_people import LONG_AGO_SECONDS, Sync, running_sync
from tests.stand_ins import StandIn, run_stand_in

BULK, EXPORT = "/api/users/bulkUpdate", "/api/export/data.json"
LOOK_UP = "/api/users/getByEmail"
ROWS = 30_000
# An export's first misses are looked up, and as many as are under way then.
PROOFS = 20 + 32


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[StandIn]:
    """An e-mail-based project with its limits, of 15,000 profiles."""
    with run_stand_in("iterable", tmp_path) as part:
        people = [{"email": name} for name in _people(0, ROWS, 2)]
        part.ask("profiles", people)
        yield part


def _people(start: int, end: int, step: int = 1) -> list[str]:
    return [f"person{n}@example.com" for n in range(start, end, step)]


async def test_a_backlog_half_of_whom_are_absent(limited: StandIn) -> None:
    """30,000 rows: one export, 15 calls, no look-up but its proofs, no 429, nobody made."""
    before = set(_people(0, ROWS, 2))
    async with running_sync(limited) as sync:
        names = _people(0, ROWS)
        for start in range(0, ROWS, 500):
            await sync.read(names[start : start + 500], LONG_AGO_SECONDS)
        await sync.settled(60)
        calls = await sync.calls()

        assert {"delivered": 15_000, "skipped": 15_000, "rejected": 0} == sync.outcomes()
        assert (1, 0) == (calls[EXPORT], calls["429"])
        assert calls[LOOK_UP] <= PROOFS
        assert 15 <= calls[BULK] <= 20
        assert before == await sync.profiles()


async def test_profiles_made_and_deleted_while_it_runs(limited: StandIn) -> None:
    """A younger profile is found by look-up; a deleted one is not made anew after an hour."""
    async with running_sync(limited) as sync:
        await sync.read(_people(0, 200), LONG_AGO_SECONDS)
        await sync.settled(30)
        limited.ask("profiles", [{"email": name} for name in _people(100_001, 100_101)])
        await sync.read(_people(100_000, 100_102), 0.0)
        await sync.settled(30)

        assert {"delivered": 200, "skipped": 102, "rejected": 0} == sync.outcomes()
        limited.ask("forgotten", {"emails": ["person0@example.com"]})
        await _an_hour_later(sync)

        assert {"delivered": 200, "skipped": 103, "rejected": 0} == sync.outcomes()
        assert "person0@example.com" not in await sync.profiles()
        assert (await sync.calls())["429"] == 0


async def _an_hour_later(sync: Sync) -> None:
    sync.clock.moved_seconds += 3_601
    await sync.read(_people(0, 1), 0.0)
    await sync.settled(30)


async def test_many_look_ups_stay_within_their_limit(limited: StandIn) -> None:
    """Rows too young for the export: 400 look-ups at 90 a second, and not one 429."""
    async with running_sync(limited) as sync:
        await sync.read(_people(0, 2), LONG_AGO_SECONDS)
        await sync.settled(30)
        began = sync.clock.monotonic()
        await sync.read(_people(200_000, 200_400), 0.0)
        await sync.settled(30)
        took = sync.clock.monotonic() - began
        calls = await sync.calls()

    assert 0 == calls["429"]
    assert 401 <= calls[LOOK_UP] <= 402
    assert 400 / LIMITS.look_ups_per_second < took < 8
