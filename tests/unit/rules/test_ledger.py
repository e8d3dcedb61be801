"""The fold over the ledger: the log's order decides, and a void record changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import LedgerEntry, LedgerRecord, Model, Position
from worker.rules.ledger import Ended, LedgerState, Progress, Reservation, sql_fingerprint
from worker.rules.mqr import KEY_BYTES

PERIOD = "2026-11-01"
MODEL = Model("people", "SELECT *\nFROM T", "ID", "CHANGED")


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


def counting(
    keys: int, moment: datetime, model: str = "people", period: str = PERIOD, uncertain: int = 0
) -> LedgerEntry:
    """Return a commit that counts some keys, made by a query of that moment."""
    at_ns = int(moment.timestamp()) * 1_000_000_000
    return replace(
        entry(model=model),
        period=period,
        new_keys=bytes(keys * KEY_BYTES),
        at_ns=at_ns,
        uncertain=uncertain,
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


def test_keys_are_counted_by_model_and_by_day_of_their_query() -> None:
    """UTC days, however the period is cut; a commit without new keys adds none."""
    evening = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
    night = datetime(2026, 11, 25, tzinfo=UTC)
    state, _ = fold(
        counting(3, evening),
        counting(2, evening, "teams"),
        counting(4, night),
        counting(1, night),
        counting(0, night, "teams"),
        counting(7, night, period="2026-12-01"),
    )

    first, second = date(2026, 11, 24), date(2026, 11, 25)
    assert {("people", first): 3, ("teams", first): 2, ("people", second): 5} == (
        state.counted[PERIOD]
    )
    assert {first: 5, second: 5} == state.counted_by_day(PERIOD)
    assert {"people": 8, "teams": 2} == state.counted_by_model(PERIOD)
    assert {second: 7} == state.counted_by_day("2026-12-01")
    assert {} == state.counted_by_day("2027-01-01")


def test_what_is_uncertain_adds_up_in_its_period() -> None:
    """Every model's; a void record charges nothing."""
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    state, counts = fold(
        counting(1, noon, uncertain=3),
        counting(1, noon, "teams", uncertain=2),
        counting(1, noon, period="2026-12-01", uncertain=5),
        replace(counting(1, noon, uncertain=9), epoch=0),
    )

    assert [True, True, True, False] == counts
    assert {PERIOD: 5, "2026-12-01": 5} == state.uncertain


def test_an_orphan_reservation_stays_until_its_own_model_lets_go() -> None:
    """Its poller died: another model's commits, or the next period's, are not its own."""
    state, _ = fold(
        entry("reserve", model="people", reserved=50),
        entry(epoch=2, poller="B", model="teams"),
        replace(entry("reserve", epoch=2, poller="B", reserved=9), period="2026-12-01"),
    )

    assert 50 == state.reserved_by_others(PERIOD, "teams")
    state.apply(LedgerRecord(3, entry(epoch=2, poller="B", model="people")))
    assert (0, 9) == (
        state.reserved_by_others(PERIOD, "teams"),
        state.reserved_by_others("2026-12-01", "teams"),
    )


@pytest.mark.parametrize(
    ("limit", "held", "reread", "read", "new", "ended", "left", "uncertain"),
    [
        # A query on its way holds what it may still return.
        (10, 0, 0, 0, 0, "nothing", 10, 0),
        (10, 0, 0, 6, 2, "nothing", 4, 0),
        (10, 0, 0, 10, 9, "nothing", 0, 0),
        # A statement that ended returns no more; another follows, or none.
        (10, 0, 0, 6, 6, "statement", 0, 0),
        (10, 0, 0, 6, 6, "poll", 0, 0),
        # Ten rows of a broken query are held; this one, of four, can't have read all of them.
        (4, 10, 0, 0, 0, "nothing", 10, 0),
        (4, 10, 0, 3, 3, "nothing", 7, 0),
        (4, 10, 0, 4, 4, "statement", 6, 0),
        # Four old rows of the overlap came first: none of the ten has been read again yet.
        (4, 10, 0, 4, 0, "statement", 10, 0),
        (6, 10, 4, 6, 6, "poll", 0, 0),
        # Seven of the ten were there again: three had been returned, perhaps, and are gone.
        (10, 10, 0, 7, 7, "poll", 0, 3),
        (10, 10, 0, 7, 0, "poll", 0, 3),
        (4, 10, 3, 4, 4, "poll", 0, 3),
        (20, 10, 0, 15, 15, "nothing", 5, 0),
        (20, 10, 0, 15, 15, "poll", 0, 0),
        # Nothing was left to read again.
        (0, 10, 0, 0, 0, "poll", 0, 10),
    ],
)
def test_what_a_commit_leaves_reserved_and_what_it_charges(
    limit: int,
    held: int,
    reread: int,
    read: int,
    new: int,
    ended: Ended,
    left: int,
    uncertain: int,
) -> None:
    """Rows that may have been returned unseen stay reserved until they come, or are charged."""
    reservation = Reservation(MODEL, 1, PERIOD, limit, held, rows_read=read, reread=reread)

    assert (left, uncertain) == (reservation.left(ended, new), reservation.uncertain(ended))


@pytest.mark.parametrize(
    ("limit", "read", "new", "left", "reread"),
    [
        # Five rows of a broken query are held. Six were read, two of them new: three may still be
        # uncounted, but all five were read again. When this poll breaks off too, none is charged.
        (6, 6, 2, 3, 3),
        # Four were read, none new: one is owed still.
        (4, 4, 0, 5, 4),
        # Of its own statement's fifty, forty have not come: what was read before is none of them.
        (50, 10, 0, 40, 0),
    ],
)
def test_what_was_read_again_stays_so_over_the_next_break(
    limit: int, read: int, new: int, left: int, reread: int
) -> None:
    """The ledger carries it: the next poller charges what nobody has read again."""
    broken = Reservation(MODEL, 1, PERIOD, limit, held=5, rows_read=read)
    found = broken.left("nothing", new), broken.reread_of(broken.left("nothing", new), "nothing")
    next_one = Reservation(MODEL, 1, PERIOD, left, held=found[0], reread=found[1])

    assert (left, reread) == found
    assert left - reread == next_one.uncertain("poll")


@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 50),
    st.sampled_from(["nothing", "statement", "poll"]),
)
def test_no_held_row_is_ever_let_go_unread_and_uncharged(
    limit: int, held: int, read: int, ended: Ended
) -> None:
    """Whatever ended: read again, still reserved, or charged."""
    reservation = Reservation(MODEL, 1, PERIOD, limit, held, rows_read=min(read, limit))

    assert held <= reservation.rows_read + reservation.left(ended) + reservation.uncertain(ended)
    assert 0 == min(reservation.left(ended), reservation.uncertain(ended))


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
