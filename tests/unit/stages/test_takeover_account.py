"""What the replaced poller queried is counted, held or charged by the one that took over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import FencedError
from connectors.records import LedgerEntry, Model
from connectors.sqlite.index import SqliteIndex
from tests.fakes_polling import NOON_NS, PEOPLE, FakeLedger, Outside
from tests.polling_meter import PollingMeter
from worker.rules.ledger import Reservation
from worker.rules.mqr import KEY_BYTES, MqrPolicy, key_hashes
from worker.stages.account import AccountPolicy, AccountStage

TEAMS = replace(PEOPLE, name="teams")
PERIOD = "2026-11-01"


class LateLedger(FakeLedger):
    """Between the last look of `first` and its first entry another poller reserves ten rows."""

    late: AccountStage | None = None

    async def append(self, entry: LedgerEntry) -> int:
        if self.late is not None:
            late, self.late = self.late, None
            await reserve(late, 10)
        return await super().append(entry)


async def account(
    outside: Outside, path: Path, name: str, ledger: FakeLedger | None = None
) -> AccountStage:
    index = SqliteIndex(path / f"{name}.sqlite")
    policy = AccountPolicy(name, MqrPolicy())
    made = AccountStage(policy, ledger or FakeLedger(outside), index, PollingMeter())
    await made.recover()
    return made


async def reserve(made: AccountStage, rows: int, model: Model = PEOPLE) -> Reservation:
    reservation = await made.reserve(model, 1, NOON_NS, rows, 1)
    assert reservation is not None
    return reservation


def read(reservation: Reservation, *keys: str) -> None:
    """Note rows as publish does."""
    encoded = [key.encode() for key in keys]
    reservation.mqr_keys += key_hashes(b"secret", reservation.model.name, encoded)
    reservation.rows_read += len(keys)
    reservation.rows_since_commit += len(keys)


async def test_a_fenced_commits_keys_are_counted_by_who_reads_them_next(tmp_path: Path) -> None:
    """Taken for counted, they would stand in no entry that counts, and in no model's sum."""
    outside = Outside()
    replaced = await account(outside, tmp_path, "A")
    late = await reserve(replaced, 10)
    read(late, "a", "b")
    made = await account(outside, tmp_path, "B")
    await reserve(made, 10, TEAMS)
    with pytest.raises(FencedError):
        await replaced.commit(late, None, "t", "poll")
    again = await reserve(made, 10)
    read(again, "a", "b")
    await made.commit(again, None, "t", "poll")

    assert 2 * KEY_BYTES == len(outside.ledger[-1].new_keys)
    assert 2 == outside.ledger[-1].used


async def test_what_was_reserved_at_the_last_moment_is_held_and_charged(tmp_path: Path) -> None:
    """Its ten rows may have been returned; two of them are still in the model, eight are not."""
    outside = Outside()
    replaced = await account(outside, tmp_path, "A")
    await reserve(replaced, 1)
    ledger = LateLedger(outside)
    made = await account(outside, tmp_path, "B", ledger)
    ledger.late = replaced
    reservation = await reserve(made, 2)
    state = (await account(outside, tmp_path, "C"))._state
    read(reservation, "a", "b")
    await made.commit(reservation, None, "t", "poll")

    assert 10 == state.reserved[PERIOD][PEOPLE.name]
    assert (2, 8) == (outside.ledger[-1].used, outside.ledger[-1].uncertain)
