"""A mirror follows the topic: whatever becomes of keys and identities, it equals the model."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes_polling import CrashError, Outside
from tests.unit.stages.snapshot_desk import WHOLE, counted, decoded, folded, people, taken

TEN = "abcdefghij"
# The profile is found by NAME, whose rows stay in one partition.
MODEL = replace(WHOLE, identity_columns=frozenset({"NAME"}), partition_by="NAME")


def mirrored(outside: Outside) -> set[str]:
    """Return who is on a list that follows the topic, record by record."""
    members: set[str] = set()
    for one in outside.topic:
        if one.value is not None:
            name = str(decoded(outside, one)["NAME"])
            (members.discard if one.op == "delete" else members.add)(name)
    return members


def members(outside: Outside) -> set[str]:
    return {name for _, name in outside.table.values()}


def become(outside: Outside, rows: Mapping[str, str]) -> None:
    """Let the model hold these rows, name by key."""
    outside.table = {key: row for key, row in outside.table.items() if key in rows}
    for key, name in rows.items():
        if outside.table.get(key, (0, ""))[1] != name:
            outside.write(name, key)


def records(outside: Outside, start: int) -> list[tuple[str, str, str]]:
    return [
        (one.key.decode(), one.op, str(decoded(outside, one)["NAME"]) if one.value else "")
        for one in outside.topic[start:]
    ]


async def test_a_profile_whose_row_got_another_key_stays(tmp_path: Path) -> None:
    """That the old key left is said before the new one comes."""
    outside = people(model=MODEL)
    become(outside, {"old": "ann", "b": "bob"})
    await taken(outside, tmp_path)
    become(outside, {"new": "ann", "b": "bob"})
    await taken(outside, tmp_path)

    expected = [("old", "delete", "ann"), ("old", "delete", ""), ("new", "upsert", "ann")]
    assert expected == records(outside, 2)
    assert {"ann", "bob"} == mirrored(outside)


@pytest.mark.parametrize("partitions", [1, 5])
async def test_a_key_that_is_another_profiles_now_says_whose_it_was(
    tmp_path: Path, partitions: int
) -> None:
    """Its new row alone would leave the former one on the list for ever."""
    outside = people(model=MODEL)
    outside.partitions = partitions
    become(outside, {"a": "ann", "b": "bob"})
    await taken(outside, tmp_path)
    stood = outside.topic[0].partition_hash % partitions
    become(outside, {"a": "eve", "b": "bob"})
    await taken(outside, tmp_path)

    said = [record for record in records(outside, 2) if record[2]]
    assert [("a", "delete", "ann"), ("a", "upsert", "eve")] == said
    assert stood == outside.topic[2].partition_hash % partitions
    assert {"eve", "bob"} == mirrored(outside)


async def test_profiles_that_change_places_are_all_there(tmp_path: Path) -> None:
    """Everyone is said to have left before anyone comes."""
    outside = people(model=MODEL)
    become(outside, {"a": "ann", "b": "bob", "c": "eve"})
    await taken(outside, tmp_path)
    become(outside, {"a": "bob", "b": "eve", "d": "ann"})
    await taken(outside, tmp_path)

    assert {"ann", "bob", "eve"} == mirrored(outside)


@pytest.mark.parametrize("keeps_index", [True, False])
async def test_a_crash_at_any_step_leaves_nobody_out(tmp_path: Path, *, keeps_index: bool) -> None:
    """For every step: end there as if killed, start again, with the old index or without."""
    before = {"a": "ann", "b": "bob", "old": "eve", "d": "dan"}
    after = {"a": "bob", "b": "ida", "new": "eve", "e": "ann"}

    async def changed(directory: Path) -> Outside:
        outside = people(model=MODEL)
        become(outside, before)
        await taken(outside, directory)
        become(outside, after)
        return outside

    whole = await changed(tmp_path / "count")
    start = whole.steps
    await taken(whole, tmp_path / "count")
    assert whole.steps - start > 12
    for crash_at in range(1, whole.steps - start + 1):
        directory = tmp_path / str(crash_at)
        outside = await changed(directory)
        outside.crash_at = outside.steps + crash_at
        with pytest.raises(CrashError):
            await taken(outside, directory, real_crash=True)
        await taken(outside, directory if keeps_index else tmp_path / f"{crash_at}-anew")

        assert {*after.values()} == mirrored(outside)


async def test_a_key_that_stands_twice_settles_on_its_last_row(tmp_path: Path) -> None:
    """Its rows on one page or on two: published once, then no change, and counted once."""
    outside = people(*TEN, model=replace(WHOLE, identity_columns=frozenset({"NAME"})))
    for key in "ch":  # four rows a statement, in pages of three: a b c | c', and h h' i | j
        outside.twins.append((key, outside.clock_ns, "twin"))
    await taken(outside, tmp_path)
    first = len(outside.topic)
    outside.write("two", "j")
    await taken(outside, tmp_path)

    assert {"c": "twin", "h": "twin"}.items() <= folded(outside).items()
    assert (
        [("j", "delete"), ("j", "upsert")]
        == [  # who it was, then who it is
            (one.key.decode(), one.op) for one in outside.topic[first:]
        ]
    )
    assert 10 == counted(outside)
    outside.twins.pop()
    del outside.table["h"]
    await taken(outside, tmp_path)
    assert {"ID": "h", "NAME": "twin"} == decoded(outside, outside.topic[-2])


async def test_a_column_that_a_sync_newly_matches_by_is_in_delete_records(tmp_path: Path) -> None:
    """Rows that never change since: what their delete record needs is learnt from the topic."""
    outside = people(*TEN)
    await taken(outside, tmp_path)
    outside.model = replace(WHOLE, identity_columns=frozenset({"NAME"}))
    del outside.table["e"]
    await taken(outside, tmp_path)

    assert {"ID": "e", "NAME": "one"} == decoded(outside, outside.topic[-2])
    assert 10 + 2 == len(outside.topic)


ROWS = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(["ann", "bob", "eve", "dan", "ida"]), max_size=5
).filter(lambda rows: len({*rows.values()}) == len(rows))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(ROWS, st.integers(0, 30)), min_size=1, max_size=5))
async def test_the_mirror_equals_the_model_after_any_history(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, str], int]]
) -> None:
    """Keys and profiles pair up anew again and again; snapshots end midway."""
    outside, directory = people(model=MODEL), tmp_path_factory.mktemp("index")
    for rows, crash_after in steps:
        become(outside, rows)
        outside.crash_at = outside.steps + crash_after if crash_after else -1
        with contextlib.suppress(CrashError):
            await taken(outside, directory, real_crash=True)
        outside.crash_at = -1
    await taken(outside, directory)

    assert members(outside) == mirrored(outside)
