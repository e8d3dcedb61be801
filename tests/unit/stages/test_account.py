"""MQR is counted once, by everybody alike, and its limit is never passed, not by one row."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import FencedError, RetryableError
from connectors.records import LedgerRecord, Model, Position
from connectors.sqlite.index import SqliteIndex
from tests.fakes_polling import NOON_NS, PEOPLE, FakeLedger, Outside
from tests.polling_meter import PollingMeter
from worker.rules.ledger import LedgerState, Reservation
from worker.rules.mqr import MqrPolicy, key_hashes
from worker.rules.watermark import NS, to_text
from worker.stages.account import AccountPolicy, AccountStage

TEAMS = replace(PEOPLE, name="teams")
MODELS = (PEOPLE, TEAMS)
PERIOD = "2026-11-01"
MONTH_NS = 31 * 86_400 * NS


async def account(
    outside: Outside, path: Path, name: str = "A", limit: int = 1_000_000
) -> AccountStage:
    index = SqliteIndex(path / f"{name}.sqlite")
    policy = AccountPolicy(name, MqrPolicy(limit=limit))
    made = AccountStage(policy, FakeLedger(outside), index, PollingMeter())
    await made.recover()
    return made


async def reserve(made: AccountStage, model: Model = PEOPLE, wanted: int = 10) -> Reservation:
    reservation = await made.reserve(model, 1, NOON_NS, wanted, 1)
    assert reservation is not None
    return reservation


def read(reservation: Reservation, keys: Sequence[str]) -> None:
    """Note rows as publish does."""
    encoded = [key.encode() for key in keys]
    reservation.mqr_keys += key_hashes(b"secret", reservation.model.name, encoded)
    reservation.rows_read += len(keys)
    reservation.rows_since_commit += len(keys)


async def test_a_key_counts_once_a_period_and_model(tmp_path: Path) -> None:
    """Read again it is free; in another model, or in the next month, it is not."""
    outside = Outside()
    made = await account(outside, tmp_path)
    for model, moment_ns in ((PEOPLE, 0), (PEOPLE, 0), (TEAMS, 0), (PEOPLE, MONTH_NS)):
        reservation = await made.reserve(model, 1, NOON_NS + moment_ns, 10, 1)
        assert reservation is not None
        read(reservation, ["a", "b"])
        await made.commit(reservation, None, "t", "poll")

    assert [("2026-11-01", 2), ("2026-11-01", 2), ("2026-11-01", 4), ("2026-12-01", 2)] == [
        (entry.period, entry.used) for entry in outside.ledger if entry.kind == "commit"
    ]


async def test_what_one_model_holds_another_can_not_have(tmp_path: Path) -> None:
    """10 are permitted: 7 are reserved, 3 remain, then none; a commit lets go of the rest."""
    made = await account(Outside(), tmp_path, limit=10)
    first = await reserve(made, PEOPLE, 7)
    second = await made.reserve(TEAMS, 1, NOON_NS, 7, 1)
    assert second is not None
    assert (7, 3) == (first.limit, second.limit)
    read(first, ["a"])
    await made.commit(first, Position(to_text(NOON_NS), "a"), "t", "poll")
    read(second, ["a", "b", "c"])
    await made.commit(second, None, "t", "poll")

    third = await reserve(made, PEOPLE)
    assert 6 == third.limit


async def test_a_reservation_of_a_dead_poller_is_replaced(tmp_path: Path) -> None:
    """Its successor reads the same window: the rows are the same."""
    outside = Outside()
    await reserve(await account(outside, tmp_path, limit=10), PEOPLE, 10)
    made = await account(outside, tmp_path, "B", limit=10)

    assert 10 == (await reserve(made, PEOPLE, 10)).limit


@pytest.mark.parametrize(
    ("wanted", "least", "limit"),
    [(10, 10, None), (10, 7, None), (10, 6, 6), (6, 6, 6), (4, 100, 4), (0, 0, 0)],
)
async def test_below_the_least_nothing_is_reserved(
    tmp_path: Path, wanted: int, least: int, limit: int | None
) -> None:
    """Six are left: crumbs of a larger poll are refused, a whole small one is not."""
    outside = Outside()
    made = await account(outside, tmp_path, limit=6)
    reservation = await made.reserve(PEOPLE, 1, NOON_NS, wanted, least)

    assert limit == (None if reservation is None else reservation.limit)
    assert bool(limit) == bool(outside.ledger)


async def test_a_commit_without_a_token_keeps_the_one_that_was(tmp_path: Path) -> None:
    """In the middle of a poll nobody knows yet whether everything below it was read."""
    made = await account(Outside(), tmp_path)
    for token, kept in (("t", "t"), (None, "t"), ("u", "u"), (None, "u")):
        await made.commit(await reserve(made), None, token, "poll")
        assert kept == made.progress(PEOPLE).change_token


async def test_a_commit_says_when_its_query_started(tmp_path: Path) -> None:
    """By the source's clock: records are counted by the day on which they were asked for."""
    outside = Outside()
    made = await account(outside, tmp_path)
    reservation = await made.reserve(PEOPLE, 1, NOON_NS + 7, 10, 1)
    assert reservation is not None
    await made.commit(reservation, None, None, "nothing")
    await made.commit(reservation, None, None, "poll")

    assert [NOON_NS + 7] * 3 == [entry.at_ns for entry in outside.ledger]


async def test_what_a_dead_poller_held_is_charged_to_the_limit(tmp_path: Path) -> None:
    """Ten were asked for and seven read again: three may have been returned, so three fewer fit."""
    outside = Outside()
    await reserve(await account(outside, tmp_path, limit=20), PEOPLE, 10)
    made = await account(outside, tmp_path, "B", limit=20)
    again = await reserve(made, PEOPLE, 10)
    assert (10, 10) == (again.limit, again.held)
    read(again, list("abcdefg"))
    await made.commit(again, None, "t", "poll")
    assert (7, 0, 3) == (
        outside.ledger[-1].used,
        outside.ledger[-1].reserved,
        outside.ledger[-1].uncertain,
    )

    assert 10 == (await reserve(made, PEOPLE, 100)).limit


async def test_at_the_start_the_meter_shows_what_the_ledger_says(tmp_path: Path) -> None:
    """Before the first poll of a process, which may be hours away."""
    outside = Outside()
    made = await account(outside, tmp_path)
    reservation = await reserve(made)
    read(reservation, ["a", "b"])
    await made.commit(reservation, Position(to_text(NOON_NS), "b"), "t", "nothing")
    meter = PollingMeter()
    index = SqliteIndex(tmp_path / "B.sqlite")
    await AccountStage(AccountPolicy("B", MqrPolicy()), FakeLedger(outside), index, meter).recover()
    index.close()

    assert ([NOON_NS], [(2, 8)]) == (meter.watermarks, meter.used)


async def test_the_watermark_does_not_move_back_or_move_without_rows(tmp_path: Path) -> None:
    """The overlap is read below it; an empty window leaves it alone."""
    made = await account(Outside(), tmp_path)
    high, low = Position(to_text(NOON_NS), "k"), Position(to_text(NOON_NS - NS), "z")
    for position in (high, low, None):
        reservation = await reserve(made)
        await made.commit(reservation, position, "t", "poll")
        assert high == made.progress(PEOPLE).watermark


async def test_of_two_pollers_the_second_in_the_log_is_fenced(tmp_path: Path) -> None:
    """Both took the same epoch; the one whose record comes second stops, and only that one."""
    outside = Outside()
    one = await account(outside, tmp_path, "A")
    other = await account(outside, tmp_path, "B")
    assert one.epoch == other.epoch
    await reserve(one)
    with pytest.raises(FencedError):
        await reserve(other)

    await reserve(one)


async def test_a_fenced_commit_counts_for_nobody(tmp_path: Path) -> None:
    """Paused in the middle of a chunk, woken after the takeover: its watermark is void."""
    outside = Outside()
    one = await account(outside, tmp_path, "A")
    late = await reserve(one)
    read(late, ["a", "b"])
    other = await account(outside, tmp_path, "B")
    await reserve(other, TEAMS)
    with pytest.raises(FencedError):
        await one.commit(late, Position(to_text(NOON_NS), "b"), "t", "poll")
    again = await account(outside, tmp_path, "C")

    assert None is again.progress(PEOPLE).watermark


async def test_without_index_the_ledger_tells_the_count(tmp_path: Path) -> None:
    """Deleting the index loses nothing, and uncounts nothing."""
    outside = Outside()
    made = await account(outside, tmp_path, "A", limit=5)
    reservation = await reserve(made)
    read(reservation, ["a", "b", "c"])
    await made.commit(reservation, None, "t", "poll")
    anew = await account(outside, tmp_path / "anew", "B", limit=5)

    assert 2 == (await reserve(anew)).limit


moves = st.tuples(
    st.sampled_from(["reserve", "read", "commit", "last", "restart"]),
    st.integers(0, 1),
    st.integers(1, 8),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=30), st.integers(0, 20))
async def test_the_limit_is_never_passed(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int, int]], limit: int
) -> None:
    """Two models, any order of reservations, reads, commits and restarts: never a row too many."""
    outside, path = Outside(), tmp_path_factory.mktemp("account")
    made = await account(outside, path, limit=limit)
    held: dict[Model, Reservation] = {}
    reach = {PEOPLE: 0, TEAMS: 0}  # how far each model's keys were queried, for good
    queried: set[tuple[str, int]] = set()
    for move, which, count in drawn:
        model = MODELS[which]
        reservation = held.get(model)
        if move == "reserve" and reservation is None:
            # What another model holds is waited for: it is no limit that was reached.
            with contextlib.suppress(RetryableError):
                if found := await made.reserve(model, 1, NOON_NS, count, 1):
                    held[model] = found
        elif move == "read" and reservation is not None:
            rows = min(count, reservation.limit - reservation.rows_read)
            start = reach[model] + reservation.rows_read
            keys = range(start, start + rows)
            queried |= {(model.name, key) for key in keys}
            read(reservation, [str(key) for key in keys])
        elif move in {"commit", "last"} and reservation is not None:
            await made.commit(reservation, None, "t", "poll" if move == "last" else "nothing")
            if move == "last":
                reach[model] += held.pop(model).rows_read
        elif move == "restart":
            # What was read since the last commit is read again: the window starts there.
            for one, lost in held.items():
                reach[one] += lost.rows_read - lost.rows_since_commit
            held.clear()
            made = await account(outside, path, limit=limit)
        assert len(queried) <= limit
        state = LedgerState()
        for offset, entry in enumerate(outside.ledger):
            state.apply(LedgerRecord(offset, entry))
        reserved = state.reserved_by_others(PERIOD, "nobody")
        used, uncertain = state.used.get(PERIOD, 0), state.uncertain.get(PERIOD, 0)
        assert len(queried) <= used + reserved + uncertain <= limit
