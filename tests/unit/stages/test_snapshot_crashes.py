"""A snapshot may end between any two steps: nothing that is in the model is removed, or lost."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.ports import SeenRow
from tests.fakes_polling import BLANK, CrashError, Outside
from tests.unit.stages.polling_desk import Process
from tests.unit.stages.snapshot_desk import OPEN, counted, folded, model_rows, people, taken
from worker.rules.guards import GuardPolicy

TEN = "abcdefghij"


async def changed_model(directory: Path) -> Outside:
    """A model that was read once; since then rows changed, came and left."""
    outside = people(*TEN)
    await taken(outside, directory)
    outside.write("two", "b", "i", "k")
    for key in "aej":
        del outside.table[key]
    return outside


def removed_in_the_model(outside: Outside) -> set[str]:
    """Return the keys that a reader was told to remove though the model holds them."""
    return {one.key.decode() for one in outside.topic if one.op == "delete"} & {*outside.table}


@pytest.mark.parametrize("keeps_index", [True, False])
async def test_a_crash_at_any_step_is_made_good(tmp_path: Path, *, keeps_index: bool) -> None:
    """For every step: end there as if killed, start again, with the old index or without."""
    whole = await changed_model(tmp_path / "count")
    before = whole.steps
    await taken(whole, tmp_path / "count")
    steps = whole.steps - before
    assert steps > 20
    for crash_at in range(1, steps + 1):
        outside = await changed_model(tmp_path / f"{crash_at}")
        outside.crash_at = outside.steps + crash_at
        with pytest.raises(CrashError):
            await taken(outside, tmp_path / f"{crash_at}", real_crash=True)
        assert not removed_in_the_model(outside)
        anew = tmp_path / f"{crash_at}-anew"
        await taken(outside, tmp_path / f"{crash_at}" if keeps_index else anew)

        assert model_rows(outside) == folded(outside)
        assert not removed_in_the_model(outside)
        assert len(outside.returned) == counted(outside)
        # Of what changed nothing twice: a delete alone without its tombstone is what may repeat.
        assert len(outside.topic) <= 10 + 3 + 6 + 6


class Stopped(Process):
    """A process that is asked to stop once so many rows were staged or records sent."""

    def stop_after(self, pages: int, sends: int) -> None:
        add, send = self.snapshots.add, self.publish.send
        left = {"pages": pages, "sends": sends}

        def added(model: str, rows: list[SeenRow]) -> None:
            add(model, rows)
            left["pages"] -= 1
            if left["pages"] == 0:
                self.clock.stop()

        async def sent(prepared: object, rows: object) -> int:
            too_large = await send(prepared, rows)  # type: ignore[arg-type]
            left["sends"] -= 1
            if left["sends"] == 0:
                self.clock.stop()
            return too_large

        self.snapshots.add = added  # type: ignore[assignment]
        self.publish.send = sent  # type: ignore[method-assign]


@pytest.mark.parametrize(("pages", "sends"), [*((n, 0) for n in range(1, 5)), (0, 1), (0, 2)])
async def test_stopped_at_any_point_it_removes_nothing_it_has_not_read(
    tmp_path: Path, pages: int, sends: int
) -> None:
    """A half-read model says nothing of the other half, and its token is not kept."""
    outside = await changed_model(tmp_path)
    token = outside.ledger[-1].change_token
    made = Stopped(outside, tmp_path, guards=OPEN if sends else GuardPolicy())
    made.stop_after(pages, sends)
    await made.start()
    await made.poll.poll_once()
    made.close()

    assert made.clock.stopping()
    assert token == outside.ledger[-1].change_token
    assert not removed_in_the_model(outside)
    if not sends:
        assert made.snapshot_stage.compared is None
        assert 10 == len(outside.topic)
    await taken(outside, tmp_path)
    assert model_rows(outside) == folded(outside)
    assert len(outside.returned) == counted(outside)


KEYS = st.sampled_from(TEN)
STEPS = st.one_of(
    st.tuples(st.just("write"), st.sets(KEYS, min_size=1), st.sampled_from(["x", "y", BLANK])),
    st.tuples(st.just("delete"), st.sets(KEYS, min_size=1), st.just("")),
    st.tuples(st.just("take"), st.sets(KEYS), st.sampled_from(["A", "B", "lost"])),
    st.tuples(st.integers(1, 45), st.sets(KEYS), st.sampled_from(["A", "B"])),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=1, max_size=9))
async def test_the_topic_equals_the_model_after_any_history(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str | int, set[str], str]],
) -> None:
    """Rows come, change, leave; snapshots end midway, pollers change, the index is lost."""
    outside, path, lives = people("a", "b"), tmp_path_factory.mktemp("index"), 0
    for what, keys, name in steps:
        match what:
            case "write":
                outside.write(name, *sorted(keys))
            case "delete":
                for key in keys & {*outside.table}:
                    del outside.table[key]
            case "take":
                lives += name == "lost"
                await taken(outside, path / str(lives), name="A" if name == "lost" else name)
                assert model_rows(outside) == folded(outside)
            case int(crash_after):
                outside.crash_at = outside.steps + crash_after
                with contextlib.suppress(CrashError):
                    await taken(outside, path / str(lives), name=name, real_crash=True)
                outside.crash_at = -1
    await taken(outside, path / str(lives))

    assert model_rows(outside) == folded(outside)
    assert len(outside.returned) >= outside.ledger[-1].used


async def test_two_snapshots_in_a_row_send_nothing_the_second_time(tmp_path: Path) -> None:
    """Also after the index was built from the topic alone."""
    outside = await changed_model(tmp_path)
    await taken(outside, tmp_path)
    sent = len(outside.topic)
    outside.ledger = [replace(entry, change_token="") for entry in outside.ledger]
    await taken(outside, tmp_path)
    await taken(outside, tmp_path / "anew")

    assert sent == len(outside.topic)
