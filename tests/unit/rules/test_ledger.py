"""The fold over the ledger: the log's order decides, and a void record changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import LedgerEntry, LedgerRecord, Model, Position
from worker.rules.ledger import LedgerState, Progress, sql_fingerprint

PERIOD = "2026-11-01"


def entry(
    kind: Literal["reserve", "commit"] = "commit",
    epoch: int = 1,
    poller: str = "A",
    model: str = "people",
    reserved: int = 0,
    used: int = 0,
    watermark: Position | None = None,
) -> LedgerEntry:
    return LedgerEntry(
        kind, epoch, poller, model, PERIOD, reserved, used, watermark, 0, b"", "f", "t", 7
    )


def fold(*entries: LedgerEntry) -> tuple[LedgerState, list[bool]]:
    state = LedgerState()
    return state, [state.apply(LedgerRecord(i, one)) for i, one in enumerate(entries)]


def test_a_higher_epoch_makes_what_the_older_writes_later_void() -> None:
    """The module's picture: A's commit behind B's reserve does not count."""
    mark, late = Position("1", "k"), Position("9", "k")
    state, counts = fold(
        entry(epoch=3, poller="A", watermark=mark, used=5),
        entry("reserve", epoch=4, poller="B", reserved=10),
        entry(epoch=3, poller="A", watermark=late, used=99),
    )

    assert [True, True, False] == counts
    assert (mark, 5, 3) == (
        state.progress("people").watermark,
        state.used[PERIOD],
        state.next_offset,
    )
    assert state.fenced(3, "A")
    assert not state.fenced(4, "B")


def test_of_two_pollers_with_one_epoch_the_first_in_the_log_owns_it() -> None:
    """Both read epoch 1 and took 2: the second finds out when it reads its own record back."""
    state, counts = fold(entry(epoch=2, poller="B"), entry(epoch=2, poller="A"))

    assert [True, False] == counts
    assert (True, False) == (state.fenced(2, "A"), state.fenced(2, "B"))


def test_a_reservation_is_held_until_its_commit_lets_go() -> None:
    """What other models hold counts against a model's own."""
    state, _ = fold(
        entry("reserve", model="people", reserved=50),
        entry("reserve", model="teams", reserved=30),
        entry(model="people", reserved=20),
    )

    assert (20, 30) == (
        state.reserved_by_others(PERIOD, "teams"),
        state.reserved_by_others(PERIOD, "people"),
    )
    assert 50 == state.reserved_by_others(PERIOD, "another")
    assert 0 == state.reserved_by_others("2026-12-01", "teams")


def test_a_reserve_moves_no_progress() -> None:
    """Only a commit says that rows are in Kafka."""
    state, _ = fold(entry("reserve", watermark=Position("9", "k")))

    assert Progress() == state.progress("people")


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 4)), max_size=30))
def test_whatever_two_pollers_write_one_owns_every_stretch(
    writes: list[tuple[str, int]],
) -> None:
    """Epochs of what counts never fall, and under one epoch only one poller counts."""
    state = LedgerState()
    counted: list[tuple[int, str]] = []
    for offset, (poller, epoch) in enumerate(writes):
        if state.apply(LedgerRecord(offset, entry(epoch=epoch, poller=poller, used=offset))):
            counted.append((epoch, poller))
            assert offset == state.used[PERIOD]
    epochs = [epoch for epoch, _ in counted]

    assert sorted(epochs) == epochs
    assert len(set(epochs)) == len(set(counted))
    assert len(writes) == state.next_offset


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 4)), max_size=30))
def test_a_fold_may_stop_anywhere_and_go_on(writes: list[tuple[str, int]]) -> None:
    """Reading the ledger whole or as it grows gives the same truth."""
    records = [
        LedgerRecord(i, entry(epoch=epoch, poller=poller, used=i, reserved=i))
        for i, (poller, epoch) in enumerate(writes)
    ]
    whole, grown = LedgerState(), LedgerState()
    for record in records:
        whole.apply(record)
    for record in records:
        grown.apply(record)
        fenced = {p: grown.fenced(record.entry.epoch, p) for p in "AB"}
        assert not all(fenced.values()) or grown.epoch > record.entry.epoch

    assert whole == grown


MODEL = Model("people", "SELECT *\nFROM T", "ID", "CHANGED")


@pytest.mark.parametrize("sql", ["SELECT *\nFROM T;", "  SELECT *\nFROM T \n;\n"])
def test_white_space_and_semicolon_make_no_other_model(sql: str) -> None:
    """A line break at the end of a YAML block is no reason to stop."""
    assert sql_fingerprint(MODEL) == sql_fingerprint(replace(MODEL, sql=sql))


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, sql="SELECT * FROM T"),
        replace(MODEL, primary_key="NAME"),
        replace(MODEL, watermark="ID"),
    ],
)
def test_what_the_watermark_means_makes_another_model(other: Model) -> None:
    """Statement, key and watermark column belong to the watermark."""
    assert sql_fingerprint(MODEL) != sql_fingerprint(other)


def test_the_name_does_not_belong_to_the_fingerprint() -> None:
    """Progress is kept by name already."""
    assert sql_fingerprint(MODEL) == sql_fingerprint(replace(MODEL, name="x"))


def test_what_keeps_rows_together_belongs_to_the_fingerprint() -> None:
    """With another `partition_by` a key would stand in two partitions."""
    assert sql_fingerprint(MODEL) != sql_fingerprint(replace(MODEL, partition_by="OTHER"))
