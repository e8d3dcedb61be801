"""The poller dies by SIGKILL, at every named step and at random: nothing lost, MQR exact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.system import MODEL, SYNC, System, installation
from tests.faults import books
from tests.faults.killed_at import STEPS

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]

# One statement's rows are one page here.
PAGE_ROWS = 500
# Steps at which every row of the page is in the topic.
KNOWN = {"first page acknowledged", "index about to learn the page", "before the commit"}
ROUNDS = int(os.environ.get("HIGHTIDE_FAULT_ROUNDS", "25"))
SEED = int(os.environ.get("HIGHTIDE_FAULT_SEED", str(random.SystemRandom().randrange(10**6))))


@pytest.fixture
def small(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """4,000 contacts, of which about 1,300 are in the model: three statements of 500."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=4_000) as installed:
        yield installed


def set_up(system: System, **model: object) -> None:
    """Change the model's settings before the first start."""
    config = yaml.safe_load(system.config_path.read_text())
    config["models"][MODEL] |= model
    config["syncs"][SYNC] |= {"every": "0.2s"}
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))


def poll_once(system: System) -> None:
    """Let a poller come to the end of a poll."""
    assert 0 == system.start("poll", "--once").process.wait(timeout=60), system.logs()


def killed_at(system: System, step: str) -> int:
    """Run a poll that is killed at a step; return how the process ended."""
    command = [sys.executable, "-m", "tests.faults.killed_at", step]
    worker = [*command, "poll", "--once", "-c", str(system.config_path)]
    state = {"HIGHTIDE_STATE_DIR": str(system.folder / "state"), "HIGHTIDE_PORT": "0"}
    done = subprocess.run(  # our own command
        worker, env={**os.environ, **state}, timeout=60, capture_output=True, check=False
    )
    return done.returncode


@pytest.mark.timeout(240)
def test_killed_at_every_named_step(small: System) -> None:
    """After each crash one poll ends it: the topic is the model, each key is counted once."""
    system = small
    set_up(system, max_rows_per_query=PAGE_ROWS)
    ever: set[str] = set()
    repeated = 0
    for number, step in enumerate(STEPS):
        assert -signal.SIGKILL == killed_at(system, step), step
        poll_once(system)
        model = books.model_rows(system)
        ever |= set(model)
        topic = books.topic_rows(system)
        assert model == {key: topic.newest.get(key) for key in model}, step
        assert (len(ever), 0) == books.counted(books.ledger_entries(system)), step
        # Acknowledged rows are known from the topic: what may stand there twice is on its way only.
        assert topic.repeated - repeated <= (0 if step in KNOWN else PAGE_ROWS), step
        repeated = topic.repeated
        system.post("warehouse", "trickle", {"rows": 1_200, "seed": number})


@pytest.mark.timeout(max(240, ROUNDS * 8))
def test_killed_at_random_moments(system: System) -> None:
    """Killed again and again while rows change, also in the middle of its start."""
    sys.stdout.write(f"HIGHTIDE_FAULT_SEED={SEED} HIGHTIDE_FAULT_ROUNDS={ROUNDS}\n")
    dice = random.Random(SEED)
    set_up(system, max_rows_per_query=PAGE_ROWS)
    for number in range(ROUNDS):
        system.post("warehouse", "trickle", {"rows": 1_500, "seed": SEED + number})
        poller = system.start("poll")
        time.sleep(dice.uniform(0.3, 3.0))  # noqa: TID251  # the moment is the dice's
        poller.kill()
        if dice.random() < 0.1:
            for file in (system.folder / "state").glob("*"):
                file.unlink()
    poll_once(system)

    model, topic = books.model_rows(system), books.topic_rows(system)
    entries = books.ledger_entries(system)
    assert model == {key: topic.newest.get(key) for key in model}
    assert (len(model), 0) == books.counted(entries)
    assert 0 == sum(entry.uncertain for entry in entries)
    assert topic.repeated <= PAGE_ROWS
