"""How an update knows who exists: by what works for its project, unless it is said."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

import worker.config
from worker.app.existence import WhoExists, strategy
from worker.app.parts import Parts
from worker.clock import SystemClock
from worker.config.load import load_config
from worker.config.settings import Settings
from worker.observe.meter import Meter
from worker.rules.mqr import MqrPolicy
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.turns import Turns
from worker.stages.bury import BuryStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistPolicy, PersistStage

EXAMPLE = (Path(worker.config.__file__).parent / "example.yaml").read_text()
SYNC = "iterable-production"
BY_EMAIL = ("match: { userId: G", "match: { email: G")
HYBRID = ("project_type: email", "project_type: hybrid")


def parts(folder: Path, *changes: tuple[str, str]) -> Parts:
    """Return the parts of the example with something changed."""
    text = EXAMPLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "hightide.yaml"
    path.write_text(text)
    return Parts(load_config(path), Settings(state_dir=folder))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((), "prefer_user_id"),
        ((BY_EMAIL,), "index"),
        ((HYBRID,), "index"),
        ((("mode: update", "mode: upsert"),), None),
    ],
)
def test_the_default_is_what_works(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], expected: str | None
) -> None:
    """Iterable itself where it can be told not to create, else an index; upsert asks nobody."""
    assert expected == strategy(parts(tmp_path, *changes), SYNC)


@pytest.mark.parametrize("said", ["prefer_user_id", "update_only", "index", "look_up"])
def test_what_is_said_holds(tmp_path: Path, said: str) -> None:
    """All four, where rows are matched by userId in an e-mail-based project."""
    change = ("mode: update", f"mode: update\n    existence: {said}")

    assert said == strategy(parts(tmp_path, change), SYNC)


@pytest.mark.parametrize(
    ("said", "needed"),
    [("prefer_user_id", False), ("update_only", False), ("index", True), ("look_up", True)],
)
async def test_a_stage_finds_out_where_iterable_can_not_be_told(
    tmp_path: Path,
    said: str,
    needed: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """It stands before the batcher; its look-ups have a budget of their own."""
    change = ("mode: update", f"mode: update\n    existence: {said}")
    clock, meter = SystemClock(asyncio.Event()), Meter([], [SYNC], MqrPolicy())
    persist = PersistStage(SYNC, PersistPolicy(), clock=clock, dice=random.Random(7), meter=meter)
    pace = PaceStage(RatePolicy(5.0), Turns(15.0), clock)
    made = parts(tmp_path, change)
    bury = BuryStage(SYNC, DeadLetterLimit(), made.dead_letters(SYNC), persist)
    stage = WhoExists(made, clock, meter).stage(SYNC, pace, persist, bury)

    assert needed is (stage is not None)
    if stage is not None:
        await stage.close()
