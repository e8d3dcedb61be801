"""The running number of counted keys is always what a count would say; old pages hold nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.ports import KnownRow
from connectors.sqlite.index import SqliteIndex

PERIODS = ("2026-09-01", "2026-10-01", "2026-11-01", "2026-12-01")


def counted_rows(path: Path) -> dict[str, int]:
    db = sqlite3.connect(path)
    sql = "SELECT period, COUNT(*) FROM counted GROUP BY period"
    found = dict(db.execute(sql).fetchall())
    db.close()
    return found


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.integers(0, 9), max_size=6), st.booleans()),
        max_size=10,
    )
)
def test_the_running_number_is_the_count(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[int, list[int], bool]]
) -> None:
    """Keys twice, periods in any order and passing out of memory, restarts, a model forgotten."""
    path = tmp_path_factory.mktemp("index") / "i.sqlite"
    index = SqliteIndex(path)
    for offset, (period, keys, restart) in enumerate(entries):
        index.count_keys(PERIODS[period], b"".join(b"%016d" % k for k in keys), "ledger", offset)
        if restart:
            index.close()
            index = SqliteIndex(path)
            index.forget("people", "hightide.model.people")
    numbers = {period: index.counted(period) for period in PERIODS}
    index.close()

    there = counted_rows(path)
    assert numbers == {period: there.get(period, 0) for period in PERIODS}


def test_periods_long_past_leave_the_disk(tmp_path: Path) -> None:
    """The two before may still be asked for; of older ones no key and no number is kept."""
    index = SqliteIndex(tmp_path / "i.sqlite")
    for offset, period in enumerate((*PERIODS, "2027-01-01")):
        index.count_keys(period, b"k" * 16, "ledger", offset)
    numbers = [index.counted(period) for period in PERIODS]
    index.close()

    assert [0, 0, 1, 1] == numbers
    assert {"2026-11-01", "2026-12-01", "2027-01-01"} == {*counted_rows(tmp_path / "i.sqlite")}


def test_what_was_kept_of_a_removed_row_is_overwritten(tmp_path: Path) -> None:
    """Its key and delete record name a person."""
    index = SqliteIndex(tmp_path / "i.sqlite")
    rows = [KnownRow(b"%d" % n, b"h" * 16, 0, b"canary-%d." % n) for n in range(50)]
    index.remember("people", rows, "topic", {0: 50}, {0: 1})
    index.remember("people", [KnownRow(b"7", None)], "topic", {0: 51}, {0: 1})
    index.close()

    content = (tmp_path / "i.sqlite").read_bytes()
    assert (True, False) == (b"canary-8." in content, b"canary-7." in content)
