"""Bad rows of a full call on the Iterable stand-in: they alone are rejected, in a call or two."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.iterable.users import IterableUsers
from connectors.records import Delivered, Rejected, RejectReason
from tests.fakes import message
from tests.iterable_project import Project, item, run_project
from tests.unit.stages.desk import Desk
from worker.rules.batching import Entry
from worker.rules.offsets import OffsetTracker
from worker.stages.send import SendStage

ROWS = 1_000
FIELD_TYPE = Rejected(RejectReason.FIELD_TYPE, 400)
INVALID_DATA = Rejected(RejectReason.INVALID_DATA, 400)
# One project for each drawn example: none of them sees what another has written.
drawn = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
places = st.sets(st.integers(0, ROWS - 1), min_size=1, max_size=100)


@asynccontextmanager
async def unlimited() -> AsyncIterator[Project]:
    """A fresh project without a rate limit: the calls are counted, in no time of theirs."""
    async with run_project("userId") as project:
        project.turn(limits_enabled=False)
        yield project


def stage(users: IterableUsers) -> SendStage:
    """The calls of a sync, in a time of their own."""
    desk = Desk()
    return SendStage(
        "people",
        users,
        desk.pace,
        desk.persist,
        clock=desk.clock,
        dice=random.Random(7),
        meter=desk.meter,
    )


def entry(users: IterableUsers, number: int, **fields: object) -> Entry:
    found = item(users, str(number), **fields)
    return Entry(found, message(str(number), 1, number), [(OffsetTracker(number), number)], 0, 0.0)


async def rejected(users: IterableUsers, batch: list[Entry]) -> dict[int, Rejected]:
    """Settle the batch: the rows that were rejected; every other row was delivered."""
    settled = await stage(users).settle(batch, lambda part: part, lambda *_: False, permitted=True)
    assert sorted(e.item.identity for e in batch) == sorted(s.entry.item.identity for s in settled)
    bad = {int(s.entry.item.identity): s.outcome for s in settled if s.outcome != Delivered()}
    assert all(isinstance(outcome, Rejected) for outcome in bad.values())
    return bad  # type: ignore[return-value]  # as was just asserted


def written(project: Project) -> set[int]:
    return {int(user_id) for user_id in project.profiles()}


@drawn
@given(places)
async def test_rows_of_a_wrong_type_are_found_in_two_calls(bad: set[int]) -> None:
    """However many of a thousand, wherever they stand: the refusal and the bodies say it all."""
    async with unlimited() as project:
        project.pin("address.n", "long")
        users = project.users("upsert", project_type="userId")
        batch = [
            entry(users, n, address={"n": f"private {n}" if n in bad else n}) for n in range(ROWS)
        ]

        assert dict.fromkeys(bad, FIELD_TYPE) == await rejected(users, batch)
        assert set(range(ROWS)) - bad == written(project)
        assert [(400, ROWS), (200, ROWS - len(bad))] == [
            (call.status, call.rows) for call in project.journal()
        ]


@drawn
@given(places)
async def test_two_wrong_types_in_one_field_take_three_calls(bad: set[int]) -> None:
    """Each refusal speaks of one of them."""
    wrong = [["soon"], True]
    async with unlimited() as project:
        project.pin("born", "date")
        users = project.users("upsert", project_type="userId")
        batch = [
            entry(users, n, born=wrong[n % 2] if n in bad else "2001-02-03") for n in range(ROWS)
        ]

        assert dict.fromkeys(bad, FIELD_TYPE) == await rejected(users, batch)
        assert set(range(ROWS)) - bad == written(project)
        assert len(project.journal()) <= 3


@drawn
@given(places)
async def test_rows_of_a_wrong_shape_are_found_in_two_calls(bad: set[int]) -> None:
    """The refusal names their numbers."""
    async with unlimited() as project:
        users = project.users("upsert", project_type="userId")
        batch = [entry(users, n, n=n) for n in range(ROWS)]
        for n in bad:
            broken = type(batch[n].item)(str(n), b'{"userId":%d}' % n, str(n))
            batch[n] = Entry(broken, batch[n].message, batch[n].covers, 0, 0.0)

        assert dict.fromkeys(bad, INVALID_DATA) == await rejected(users, batch)
        assert set(range(ROWS)) - bad == written(project)
        assert 2 == len(project.journal())


@pytest.mark.parametrize("bad", [1, 3, 20, 100])
async def test_a_refusal_that_explains_nothing_is_bisected(bad: int) -> None:
    """Of 1,000 rows k bad ones are found within 2k·log2(1000/k) + 2k + 1 calls."""
    places = set(random.Random(bad).sample(range(ROWS), bad))
    async with unlimited() as project:
        project.turn(explain_refusals=False)
        project.pin("n", "long")
        users = project.users("upsert", project_type="userId")
        batch = [entry(users, n, n="many" if n in places else n) for n in range(ROWS)]

        assert dict.fromkeys(places, FIELD_TYPE) == await rejected(users, batch)
        assert set(range(ROWS)) - places == written(project)
        assert len(project.journal()) <= 2 * bad * math.log2(ROWS / bad) + 2 * bad + 1


async def test_what_may_be_turned_into_the_type_is_found_one_by_one() -> None:
    """Texts that look like numbers: only those the refusals name are rejected, each by name."""
    async with unlimited() as project:
        project.pin("n", "long")
        users = project.users("upsert", project_type="userId")
        batch = [entry(users, n, n=str(n) if n in {3, 500} else n) for n in range(ROWS)]

        assert {3: FIELD_TYPE, 500: FIELD_TYPE} == await rejected(users, batch)
        assert 3 == len(project.journal())
