"""A snapshot publishes exactly the difference, and removes what left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType
from tests.fakes_polling import BLANK, COLUMNS, Outside
from tests.unit.stages.polling_desk import Process
from tests.unit.stages.snapshot_desk import (
    OPEN,
    WHOLE,
    counted,
    decoded,
    folded,
    model_rows,
    people,
    taken,
)
from worker.rules.guards import GuardPolicy
from worker.rules.mqr import MqrPolicy

TEN = "abcdefghij"


async def test_only_what_changed_is_published(tmp_path: Path) -> None:
    """One changed, one is new, one left; the other eight are not sent again."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    first = len(outside.topic)
    outside.write("two", "c", "k")
    del outside.table["e"]
    made = await taken(outside, tmp_path)

    assert list(TEN) == outside.published()[:first]
    assert [("e", "delete"), ("e", "delete"), ("c", "upsert"), ("k", "upsert")] == [
        (one.key.decode(), one.op) for one in outside.topic[first:]
    ]
    assert model_rows(outside) == folded(outside)
    assert (2, 8, 1) == (made.meter.published, made.meter.unchanged, made.meter.deleted)


@pytest.mark.parametrize("partitions", [1, 7])
async def test_a_delete_record_holds_identity_alone_and_a_tombstone_follows(
    tmp_path: Path, partitions: int
) -> None:
    """Key and identity columns, nothing else; in the partition of the newest version."""
    model = replace(WHOLE, identity_columns=frozenset({"NAME"}), partition_by="NAME")
    outside = people(*TEN, model=model)
    outside.partitions = partitions
    outside.write("two", "e")
    await taken(outside, tmp_path)
    stood_in = outside.topic[4].partition_hash % partitions
    del outside.table["e"]
    await taken(outside, tmp_path)
    delete, tombstone = outside.topic[-2:]

    assert {"ID": "e", "NAME": "two"} == decoded(outside, delete)
    assert (b"e", None) == (tombstone.key, tombstone.value)
    assert ["delete", "delete"] == [delete.op, tombstone.op]
    hashes = {delete.partition_hash, tombstone.partition_hash}
    assert {stood_in} == {number % partitions for number in hashes}


async def test_a_key_that_comes_back_is_published_again(tmp_path: Path) -> None:
    """Removed, then there with the very same content."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    left = outside.table.pop("e")
    await taken(outside, tmp_path)
    assert "e" not in folded(outside)
    outside.table["e"] = left
    await taken(outside, tmp_path)

    assert model_rows(outside) == folded(outside)


@pytest.mark.parametrize("keeps_index", [True, False])
async def test_a_delete_without_its_tombstone_gets_both_again(
    tmp_path: Path, *, keeps_index: bool
) -> None:
    """The process ended between the two; also if the topic alone says so."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    del outside.table["e"]
    await taken(outside, tmp_path)
    delete = outside.topic[-2]
    del outside.topic[-1], outside.epochs[-1]
    again = tmp_path if keeps_index else tmp_path / "anew"
    made = await Process(outside, again, guards=OPEN).start()
    if keeps_index:  # what the tombstone's ack would have changed has not happened
        made.index.forget("people", "hightide.model.people")
    await made.poll.poll_once()
    made.close()

    assert [delete.value, delete.value, None] == [one.value for one in outside.topic[-3:]]
    assert model_rows(outside) == folded(outside)


@pytest.mark.parametrize(
    ("leave", "refused"),
    [("", "deleted 10 (100.0%"), ("abcde", "deleted 5 (50.0%"), ("abcdefgh", "deleted 2 (20.0%")],
)
async def test_a_model_that_is_empty_or_half_built_is_refused(
    tmp_path: Path, leave: str, refused: str
) -> None:
    """Nothing goes out, not even what merely changed; what was read is counted."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.table = {key: row for key, row in outside.table.items() if key in leave}
    outside.write("two", *"xyz"[: len(leave)])
    sent = len(outside.topic)
    with pytest.raises(ConfigurationError) as error:
        await taken(outside, tmp_path, guards=GuardPolicy())

    assert refused in str(error.value)
    assert sent == len(outside.topic)
    assert len(outside.returned) == counted(outside)
    assert 0 == outside.ledger[-1].reserved


async def test_a_refused_snapshot_holds_nothing_reserved(tmp_path: Path) -> None:
    """Rows left after they were counted: what was reserved for them is free again."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.write("two", "a")
    outside.meanwhile.append(lambda: [outside.table.pop(key) for key in "bc"])
    with pytest.raises(ConfigurationError, match="deleted 2"):
        await taken(outside, tmp_path, guards=GuardPolicy())

    assert (0, 0) == (outside.ledger[-1].reserved, outside.ledger[-1].uncertain)


async def test_a_blanked_column_is_refused(tmp_path: Path) -> None:
    """A join lost its table: four of ten names are NULL. Three of ten pass the guard of 30 %."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.write(BLANK, *"abcd")
    with pytest.raises(ConfigurationError, match=r"NAME blanked 4 \(40.0%, guard 30.0%\)"):
        await taken(outside, tmp_path, guards=GuardPolicy())
    assert 10 == len(outside.topic)
    outside.write("one", "d")
    await taken(outside, tmp_path, guards=GuardPolicy())

    assert model_rows(outside) == folded(outside)


async def test_the_first_snapshot_is_never_refused(tmp_path: Path) -> None:
    """Everything is new then, whatever the guards say."""
    outside = people(*TEN)
    await taken(outside, tmp_path, guards=GuardPolicy(0.0, 0.0, 0.0))

    assert model_rows(outside) == folded(outside)


async def test_a_share_exactly_at_its_guard_passes(tmp_path: Path) -> None:
    """One of ten left, a tenth is permitted; of the nine that are left one more is too much."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    del outside.table["a"]
    await taken(outside, tmp_path, guards=GuardPolicy(max_deleted=0.1))
    del outside.table["b"]
    with pytest.raises(ConfigurationError, match="deleted 1"):
        await taken(outside, tmp_path, guards=GuardPolicy(max_deleted=0.1))


async def test_rows_whose_tombstone_is_missing_are_no_longer_counted(tmp_path: Path) -> None:
    """They left already: they are neither known nor deleted again, and back they are new."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    kept, outside.table = outside.table, {"a": outside.table["a"]}
    await taken(outside, tmp_path)
    outside.topic = [one for one in outside.topic if one.value is not None]
    outside.epochs = outside.epochs[: len(outside.topic)]
    outside.table = kept
    await taken(outside, tmp_path / "anew", guards=GuardPolicy(0.0, 0.0, 0.0))

    assert model_rows(outside) == folded(outside)


async def test_a_rehearsal_reads_and_counts_and_sends_nothing(tmp_path: Path) -> None:
    """It says what it found, and the next poll reads for itself."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.write("two", "a", "k")
    del outside.table["b"]
    token = outside.ledger[-1].change_token
    made = await Process(outside, tmp_path).start()
    stage = made.snapshot_stage
    stage._policy = replace(stage._policy, publish=False)
    await made.poll.poll_once()
    made.close()

    assert stage.compared is not None
    assert (1, 1, 1) == (
        stage.compared.counts.new,
        stage.compared.counts.changed,
        stage.compared.counts.deleted,
    )
    assert (("b",), 10, 11) == (stage.compared.leaving, len(outside.topic), counted(outside))
    assert token == outside.ledger[-1].change_token
    await taken(outside, tmp_path)
    assert model_rows(outside) == folded(outside)


@pytest.mark.parametrize("kind", [ColumnType.TEXT, ColumnType.DECIMAL])
async def test_many_statements_read_every_row_once(tmp_path: Path, kind: ColumnType) -> None:
    """Numbers in their own order (9 before 10), text in its own; four rows a statement."""
    keys = [str(number) for number in range(1, 31)]
    outside = people(*keys)
    outside.columns = (Column("ID", kind, 38), *COLUMNS[1:])
    made = await taken(outside, tmp_path)
    outside.write("two", "9", "10")
    del outside.table["11"]
    await taken(outside, tmp_path)

    assert 30 == made.meter.published
    assert 30 + 2 + 2 == len(outside.topic)
    assert model_rows(outside) == folded(outside)
    assert 30 == counted(outside)


async def test_the_empty_string_is_a_key_like_any_other(tmp_path: Path) -> None:
    """It is published, kept and removed; as the last key of a statement it moves reading on."""
    outside = people("", *TEN)
    await taken(outside, tmp_path)
    assert model_rows(outside) == folded(outside)
    del outside.table[""]
    await taken(outside, tmp_path)

    assert model_rows(outside) == folded(outside)
    assert 11 + 2 == len(outside.topic)


async def test_the_limit_in_the_middle_publishes_and_deletes_nothing(tmp_path: Path) -> None:
    """Half of the model was read: that says nothing of the other half."""
    outside = people(*TEN)
    await taken(outside, tmp_path, mqr=MqrPolicy(limit=10))
    outside.write("two", *TEN, *"klmnopqrst")
    del outside.table["j"]
    made = await taken(outside, tmp_path / "anew", mqr=MqrPolicy(limit=15))

    assert 10 == len(outside.topic)
    assert counted(outside) <= 15
    assert 0 == made.meter.deleted


async def test_rows_that_come_while_the_model_is_read_push_no_other_out(tmp_path: Path) -> None:
    """Counted ten, then three more in front: the last three are still there and are not removed."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.write("two", "a")
    outside.meanwhile.append(lambda: outside.write("one", "Ä", "!", "0", "1"))
    await taken(outside, tmp_path)

    assert model_rows(outside) == folded(outside)
    assert "delete" not in {one.op for one in outside.topic}


async def test_a_model_read_by_watermark_before_can_remove_rows(tmp_path: Path) -> None:
    """Its index kept no delete records: they come from the topic as well."""
    outside = Outside()
    outside.write("one", *TEN)
    outside.clock_ns += 1_000_000_000
    await taken(outside, tmp_path)
    outside.model = WHOLE
    outside.ledger = [replace(entry, fingerprint="") for entry in outside.ledger]
    del outside.table["e"]
    await taken(outside, tmp_path)
    delete = next(one for one in outside.topic if one.op == "delete")

    assert {"ID": "e"} == decoded(outside, delete)
    assert model_rows(outside) == folded(outside)


async def test_a_row_nobody_can_read_any_more_gets_its_tombstone(tmp_path: Path) -> None:
    """Its schema is gone, so no delete record can be made: never one that holds nothing."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.schemas.clear()
    outside.schemas[9] = "no schema"
    outside.ledger = [replace(entry, schema_id=0) for entry in outside.ledger]
    del outside.table["e"]
    await taken(outside, tmp_path / "anew")

    assert [(b"e", None)] == [(one.key, one.value) for one in outside.topic[10:]]
