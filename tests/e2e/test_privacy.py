"""No value of a row, no key and no secret gets out of the path: a canary in each is looked for.

And the control: with one leak planted at a time the same search finds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import canaries
from tests.e2e.system import API_KEY, SYNC, System, WorkerProcess, installation, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

BULK = "/api/users/bulkUpdate"
FAULTS = (
    "500",
    "html",
    "cut_after_apply",
    "429_json",
    "429_text",
    "503",
    "413",
    "redirect",
    "cut_before_apply",
    "slow_body",
)
COMMANDS = (
    ("check", "--json"),
    ("plan", SYNC, "--json"),
    ("mqr", "--json"),
    ("plan", SYNC, "--json"),
    ("plan", SYNC),
    ("replay", SYNC, "--from", "earliest", "--dry-run", "--json"),
)


@pytest.fixture
def few(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """1,500 contacts, of which about 500 are in the model."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=1_500) as installed:
        yield installed


def settle(worker: WorkerProcess) -> str:
    """Return the metrics once rows were rejected and nothing is in flight."""
    assert wait_until(
        lambda: (
            worker.metric("hightide_rows_total", outcome="rejected") > 0
            and worker.metric("hightide_in_flight_rows") == 0
        ),
        90,
    ), worker.log.read_text()[-2_000:]
    return canaries.page(worker)


def test_no_personal_data_or_secret_leaves_the_path(system: System) -> None:
    """Also at DEBUG, through all faults and a revoked key: logs, metrics, headers, output."""
    canaries.plant(system)
    canaries.plant_secrets(system)
    system.look_at_model()
    for kind in FAULTS:
        system.post("iterable", "faults", {"kind": kind, "endpoint": BULK, "seconds": 1.0})
    quiet = {"HIGHTIDE_LOG_LEVEL": "debug", "HIGHTIDE_PROBE_SECONDS": "1"}
    worker = system.start("run", **quiet)
    metrics = settle(worker)
    system.post("iterable", "keys", {"revoke": API_KEY})
    system.post("warehouse", "trickle", {"rows": 50})
    assert wait_until(lambda: worker.metric("hightide_sync_state", state="stopped") == 1.0)
    metrics += canaries.page(worker)
    refused = canaries.printed(system, "check", "--json")
    system.post("iterable", "keys", {"restore": API_KEY})
    metrics += settle(worker)
    assert 0 == worker.terminate()
    printed = refused + "".join(canaries.printed(system, *command) for command in COMMANDS)
    written = canaries.topics(system)

    assert {} == canaries.found(canaries.places(system, metrics, printed, written))
    # The ledger's watermark holds the key of the last row; nothing else of a row is in it.
    values = b"".join(value for _, value, _ in written.ledger)
    theirs = (f"{canaries.WORD}-first_name", f"{canaries.WORD}.", *canaries.SECRETS)
    assert [] == [word for word in theirs if word.encode() in values]
    # The canaries are where they belong, so this search would find them.
    assert written.dead
    for place in (written.dead, written.rows):
        assert canaries.leaks("".join(str(value) for _, value, _ in place))
    assert set(canaries.leaks(system.get("profiles").decode())) >= {canaries.WORD, canaries.DAY}


@pytest.mark.parametrize(
    ("leak", "place"),
    [
        ("log line", "logs"),
        ("reason", "logs"),
        ("traceback", "logs"),
        ("metric label", "metrics"),
        ("dead-letter header", "dead-letter headers"),
        ("row header", "row headers"),
    ],
)
def test_a_planted_leak_is_found(few: System, leak: str, place: str) -> None:
    """The control: the same search says where it is."""
    canaries.plant(few)
    few.look_at_model()
    worker = leaking(few, leak)
    metrics = settle(worker)
    assert 0 == worker.terminate()

    found = canaries.found(canaries.places(few, metrics, "", canaries.topics(few)))
    assert place in found


def test_a_key_that_a_command_prints_is_found(few: System) -> None:
    """The control of `--json`: a sentence with the API key in it."""
    module = ("tests.e2e.leaking", "printed key")
    assert [API_KEY] == canaries.leaks(canaries.printed(few, "check", "--json", module=module))


def leaking(system: System, leak: str) -> WorkerProcess:
    """Start a worker with one leak."""
    worker = system.start("example")  # for its port and log only
    worker.process.wait(timeout=30)
    with worker.log.open("wb") as output:
        worker.process = subprocess.Popen(  # our own command
            [sys.executable, "-m", "tests.e2e.leaking", leak, "run", "-c", str(system.config_path)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "HIGHTIDE_STATE_DIR": str(system.folder / "state"),
                "HIGHTIDE_PORT": str(worker.port),
                "HIGHTIDE_HOST": "127.0.0.1",
            },
        )
    return worker
