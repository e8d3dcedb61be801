"""A model is refused when one of its two topics is gone; a row that moved leaves nothing behind."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType
from tests.fakes_polling import PEOPLE, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.fingerprint import row_hasher
from worker.rules.watermark import NS

KEYS = tuple("abcdefghij")


@pytest.fixture
def outside() -> Outside:
    made = Outside()
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


async def polled(outside: Outside, path: Path) -> Process:
    """Poll once as a new process does."""
    made = await Process(outside, path).start()
    try:
        await made.poll.poll_once()
    finally:
        made.close()
    return made


async def test_a_lost_ledger_is_refused(outside: Outside, tmp_path: Path) -> None:
    """With it what the period has counted is gone: going on would count from nothing."""
    await polled(outside, tmp_path)
    outside.ledger.clear()
    queried = len(outside.windows)
    with pytest.raises(ConfigurationError, match=r"baseline people --restart") as refused:
        await polled(outside, tmp_path / "anew")

    assert ("ledger_lost", queried) == (refused.value.kind, len(outside.windows))


async def test_a_lost_topic_is_refused(outside: Outside, tmp_path: Path) -> None:
    """Its rows lie below the watermark: no poll would publish them again."""
    await polled(outside, tmp_path)
    outside.topic.clear()
    outside.epochs.clear()
    queried = len(outside.windows)
    with pytest.raises(ConfigurationError, match=r"baseline people --restart") as refused:
        await polled(outside, tmp_path)

    assert ("topic_lost", queried) == (refused.value.kind, len(outside.windows))


async def test_a_row_that_moves_leaves_a_tombstone_where_it_stood(tmp_path: Path) -> None:
    """Key a belongs to another user now: his partition has it, the old one no more."""
    outside = Outside(replace(PEOPLE, partition_by="NAME"))
    outside.partitions = 6
    outside.write("user-1", "a", "b")
    outside.clock_ns += NS
    await polled(outside, tmp_path)
    before = outside.topic[0].partition_hash % 6
    moved = next(f"user-{n}" for n in range(2, 50) if _partition(f"user-{n}") != before)
    outside.write(moved, "a")
    outside.clock_ns += NS
    await polled(outside, tmp_path)
    tombstone, row = outside.topic[2:]

    assert (b"a", None, before) == (tombstone.key, tombstone.value, tombstone.partition_hash % 6)
    assert (b"a", _partition(moved)) == (row.key, row.partition_hash % 6)

    # The index knows the row where it is, also when it is built anew; nothing is sent again.
    outside.clock_ns += NS
    for path in (tmp_path, tmp_path / "anew"):
        await polled(outside, path)
    assert 4 == len(outside.topic)


async def test_more_new_keys_than_a_record_holds(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source of one's own may yield everything as one page: the commit is split."""
    monkeypatch.setattr("worker.stages.account.MAX_NEW_KEYS", 2)
    await polled(outside, tmp_path)

    assert {0, 1, 2} >= {len(entry.new_keys) // 16 for entry in outside.ledger}
    assert 10 == outside.ledger[-1].used


def test_numbers_without_a_value_of_their_own_differ() -> None:
    """NaN, both infinities and NULL are four contents."""
    digest = row_hasher((Column("SHARE", ColumnType.FLOAT),), ())

    assert 5 == len({digest((v,)) for v in (float("nan"), float("inf"), -float("inf"), None, 1.5)})


def _partition(user: str) -> int:
    return zlib.crc32(user.encode()) % 6
