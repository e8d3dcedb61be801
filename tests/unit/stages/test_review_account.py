"""The ledger is followed before it decides: no key stays uncounted, whatever failed on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import LedgerEntry, Model
from connectors.sqlite.index import SqliteIndex
from tests.fakes_polling import NOON_NS, PEOPLE, FakeLedger, Outside
from tests.polling_meter import PollingMeter
from worker.rules.ledger import Reservation
from worker.rules.mqr import MqrPolicy, key_hashes
from worker.stages.account import AccountPolicy, AccountStage

TEAMS = replace(PEOPLE, name="teams")
PERIOD = "2026-11-01"
FULL = ConfigurationError("no space left", kind="disk_full")
LOST = RetryableError("no answer", kind="kafka_unavailable")


class FullDisk(SqliteIndex):
    """An index that can't be written while `full`."""

    full = False

    def count_keys(self, period: str, new_keys: bytes, log: str, next_offset: int) -> None:
        if self.full:
            raise FULL
        super().count_keys(period, new_keys, log, next_offset)


class DeafLedger(FakeLedger):
    """A ledger whose acks get lost, while `deaf`: what was appended is in the log."""

    deaf = False

    async def append(self, entry: LedgerEntry) -> int:
        offset = await super().append(entry)
        if self.deaf:
            raise LOST
        return offset


class Books:
    """An account on an index and a ledger that fail on demand."""

    def __init__(
        self,
        path: Path,
        limit: int,
        outside: Outside | None = None,
        models: frozenset[str] | None = None,
    ) -> None:
        self.outside = outside or Outside()
        self.index = FullDisk(path / "index.sqlite")
        self.ledger = DeafLedger(self.outside)
        policy = AccountPolicy("A", MqrPolicy(limit=limit), models)
        self.account = AccountStage(policy, self.ledger, self.index, PollingMeter())

    async def reserve(self, wanted: int = 10, model: Model = PEOPLE) -> Reservation | None:
        return await self.account.reserve(model, 1, NOON_NS, wanted, 1)

    async def read(self, *keys: str) -> Reservation:
        """Reserve, and note rows as publish does."""
        reservation = await self.reserve()
        assert reservation is not None
        encoded = [key.encode() for key in keys]
        reservation.mqr_keys += key_hashes(b"secret", PEOPLE.name, encoded)
        reservation.rows_read += len(keys)
        reservation.rows_since_commit += len(keys)
        return reservation


async def books(path: Path, limit: int, models: frozenset[str] | None = None) -> Books:
    made = Books(path, limit, models=models)
    await made.account.recover()
    return made


async def test_an_index_write_that_failed_is_made_again(tmp_path: Path) -> None:
    """The disk was full as the commit was read back: its three keys count before the next query."""
    made = await books(tmp_path, limit=5)
    reservation = await made.read("a", "b", "c")
    made.index.full = True
    with pytest.raises(ConfigurationError):
        await made.account.commit(reservation, None, "t", "poll")
    made.index.full = False
    again = await made.reserve()

    assert again is not None
    assert (2, 3) == (again.limit, made.index.counted(PERIOD))
    made.index.close()


async def test_no_query_is_permitted_while_the_count_can_not_be_written(tmp_path: Path) -> None:
    """Nothing is reserved on a count that is known to be too low."""
    made = await books(tmp_path, limit=5)
    reservation = await made.read("a", "b", "c")
    made.index.full = True
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            await made.account.commit(reservation, None, "t", "poll")
        with pytest.raises(ConfigurationError):
            await made.reserve()

    assert ["reserve", "commit"] == [entry.kind for entry in made.outside.ledger]
    made.index.close()


async def test_a_commit_whose_ack_was_lost_counts_before_the_next_query(tmp_path: Path) -> None:
    """It is in the log: of five permitted keys three are used, and only two may be queried."""
    made = await books(tmp_path, limit=5)
    reservation = await made.read("a", "b", "c")
    made.ledger.deaf = True
    with pytest.raises(RetryableError):
        await made.account.commit(reservation, None, "t", "poll")
    made.ledger.deaf = False
    again = await made.reserve()

    assert again is not None
    assert 2 == again.limit
    made.index.close()


async def test_a_commit_made_twice_names_no_key_twice(tmp_path: Path) -> None:
    """The first one's ack was lost: the second finds its keys counted."""
    made = await books(tmp_path, limit=5)
    reservation = await made.read("a", "b", "c")
    made.ledger.deaf = True
    with pytest.raises(RetryableError):
        await made.account.commit(reservation, None, "t", "nothing")
    made.ledger.deaf = False
    await made.account.commit(reservation, None, "t", "poll")

    assert [(48, 3), (0, 3)] == [
        (len(entry.new_keys), entry.used) for entry in made.outside.ledger if entry.kind == "commit"
    ]
    made.index.close()


async def test_a_reservation_of_a_model_that_is_gone_is_held(tmp_path: Path) -> None:
    """Its poller died, then the model left the configuration: its rows may have been returned."""
    before = await books(tmp_path / "before", limit=10, models=frozenset({"people", "teams"}))
    assert await before.reserve(10, TEAMS) is not None
    before.index.close()
    after = Books(tmp_path / "after", 10, before.outside, frozenset({"people"}))
    await after.account.recover()
    with pytest.raises(RetryableError) as waits:
        await after.reserve()

    assert "mqr_reserved" == waits.value.kind
    after.index.close()


async def test_a_reservation_of_a_model_that_stays_is_held(tmp_path: Path) -> None:
    """The other side of it: its rows may be on their way."""
    made = await books(tmp_path, limit=10, models=frozenset({"people", "teams"}))
    assert await made.reserve(7, TEAMS) is not None
    reservation = await made.reserve()

    assert reservation is not None
    assert 3 == reservation.limit
    made.index.close()
