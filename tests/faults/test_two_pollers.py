"""A poller is frozen in the middle of a poll and replaced: awake again, it harms nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from connectors.kafka.topics import TopicNames
from connectors.records import LedgerRecord
from tests.e2e.system import MODEL, SYNC, System, WorkerProcess, installation, wait_until
from tests.faults import books
from tests.kafka_records import records
from worker.rules.ledger import LedgerState

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]

ROUNDS = int(os.environ.get("HIGHTIDE_FAULT_ROUNDS", "5"))
SEED = int(os.environ.get("HIGHTIDE_FAULT_SEED", str(random.SystemRandom().randrange(10**6))))
REPLACED = 5
AWAKE_SECONDS = 10.0
# Where it may be frozen, and at which of its calls; `None` is anywhere, from outside.
MOMENTS: dict[str | None, tuple[int, int]] = {
    "in the middle of a page": (1, 100),
    "before the first page is sent": (1, 1),
    "first page acknowledged": (1, 1),
    "queried, first page in hand": (1, 1),
    "reserved": (1, 1),
    "before the reservation": (1, 1),
    "before the commit": (2, 2),
    "index about to learn the page": (1, 1),
    None: (1, 1),
}
# With an empty state directory the first page it learns is one of the topic: nothing is reserved.
BEFORE_IT_TAKES_OVER = ("before the reservation", "index about to learn the page")


@pytest.fixture
def pollers(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[Pollers]:
    """4,000 contacts, of which about 1,300 are in the model."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=4_000) as system:
        config = yaml.safe_load(system.config_path.read_text())
        polling = {"max_rows_per_query": 500, "forced_poll": "0.2s", "overlap": "2s"}
        config["models"][MODEL] |= polling
        config["syncs"][SYNC] |= {"every": "0.2s"}
        system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
        yield Pollers(system)


class Pollers:
    """Pollers of one installation, each with a state directory of its own, and what was queried."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.ever: set[str] = set()
        self._started = 0
        self._changes = 0

    def start(self) -> WorkerProcess:
        """A poller as it is."""
        return self.system.start("poll", **self._own())

    def start_to_freeze(self, moment: str | None, dice: random.Random) -> WorkerProcess:
        """A poller that will stand still from some call of a step on; without one it has polled."""
        if moment is not None:
            nth = dice.randint(*MOMENTS[moment])
            return self._start_with("tests.faults.frozen_at", moment, str(nth))
        poller = self.start()
        self.let_poll(poller, 1)
        return poller

    def freeze(self, poller: WorkerProcess, after_seconds: float) -> None:
        """Freeze a poller from outside, at whatever it does."""
        time.sleep(after_seconds)  # noqa: TID251  # the moment is the dice's
        poller.process.send_signal(signal.SIGSTOP)

    def change_rows(self, seed: int, rows: int = 2_000) -> None:
        """Let rows change in the warehouse, often the same ones again."""
        self._changes += 1
        self.system.post("warehouse", "trickle", {"rows": rows, "seed": seed + self._changes})
        self.ever |= set(books.model_rows(self.system))

    def let_poll(self, poller: WorkerProcess, polls: int = 2) -> None:
        """Return once so many polls began and ended: one may be under way already."""
        before = poller.metric("hightide_polls_total", result="complete")
        done = before + polls
        assert wait_until(
            lambda: poller.metric("hightide_polls_total", result="complete") >= done, 60
        ), self.system.logs()

    def _own(self) -> dict[str, str]:
        self._started += 1
        return {"HIGHTIDE_STATE_DIR": str(self.system.folder / f"state-{self._started}")}

    def _start_with(self, module: str, *arguments: str) -> WorkerProcess:
        log = self.system.folder / f"{module}-{self._started}.log"
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, **self._own(), "HIGHTIDE_PORT": "0"}
        with log.open("wb") as output:
            process = subprocess.Popen(  # our own command
                [*command, "poll", "-c", str(self.system.config_path)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        worker = WorkerProcess(process, 0, log)
        self.system.workers.append(worker)
        return worker


@pytest.mark.timeout(max(240, ROUNDS * 40))
def test_a_poller_that_was_replaced_while_it_was_frozen(pollers: Pollers) -> None:
    """It exits with 5, its late rows stay without effect, and each key is counted once."""
    sys.stdout.write(f"HIGHTIDE_FAULT_SEED={SEED} HIGHTIDE_FAULT_ROUNDS={ROUNDS}\n")
    dice, system = random.Random(SEED), pollers.system
    pollers.change_rows(SEED)
    deliver = system.start("deliver")
    moments = list(MOMENTS)
    owner: WorkerProcess | None = None
    for number in range(ROUNDS):
        # The first rounds are those in which rows are under way when it is frozen.
        moment = moments[number] if number < 3 else dice.choice(moments)
        frozen = pollers.start_to_freeze(moment, dice)
        if owner is not None and moment not in BEFORE_IT_TAKES_OVER:
            assert REPLACED == owner.process.wait(timeout=60), "an ordinary takeover"
        pollers.change_rows(SEED)
        if moment is None:
            pollers.freeze(frozen, dice.uniform(0.0, 1.0))
        assert wait_until(partial(_is_frozen, frozen.process.pid), 60), moment
        pollers.change_rows(SEED)
        before, owner = owner, pollers.start()
        pollers.let_poll(owner)
        if before is not None:
            assert REPLACED == before.process.wait(timeout=60), moment
        # The watermark moves beyond the overlap: what changed before is not read again by itself.
        pollers.change_rows(SEED, 20)
        pollers.let_poll(owner)

        frozen.process.send_signal(signal.SIGCONT)
        assert REPLACED == frozen.process.wait(timeout=AWAKE_SECONDS), (moment, system.logs())

        pollers.let_poll(owner)
        model, topic = books.model_rows(system), books.topic_rows(system)
        assert model == {key: topic.newest.get(key) for key in model}, moment
        assert (len(pollers.ever), 0) == _counted(system), moment
        assert len(pollers.ever) == owner.metric("hightide_mqr_used_records"), moment

    assert owner is not None
    pollers.let_poll(owner)
    late = _superseded(system)
    assert late > 0, "no round had rows under way"
    assert wait_until(lambda: deliver.metric("hightide_rows_total", reason="superseded") == late)
    assert deliver.metric("hightide_consumed_rows_total") == deliver.metric("hightide_rows_total")
    assert 0 == owner.terminate()
    assert 0 == deliver.terminate()


def _is_frozen(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert state != "Z", "it ended instead"
    return state == "T"


def _counted(system: System) -> tuple[int, int]:
    """Keys that the ledger counted in its owners' entries, and how many of them twice."""
    state = LedgerState()
    entries = [
        entry
        for offset, entry in enumerate(books.ledger_entries(system))
        if state.apply(LedgerRecord(offset, entry))
    ]
    return books.counted(entries)


def _superseded(system: System) -> int:
    """How many records of the topic lie behind one of a higher epoch."""
    kafka = system.config.kafka
    topic = TopicNames(kafka.topic_prefix).model(MODEL)
    late = 0
    for partition in records(kafka.bootstrap_servers[0], topic, kafka.partitions):
        highest = 0
        for record in partition:
            epoch = int(dict(record.headers)["epoch"])
            late += epoch < highest
            highest = max(highest, epoch)
    return late
