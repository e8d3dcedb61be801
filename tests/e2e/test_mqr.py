"""MQR for real: the limit in the middle of a model, what `hightide mqr` says, a new period."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.e2e.system import MODEL, System
from tests.faults import books

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(120)]


def set_mqr(system: System, **settings: object) -> None:
    """Change the contract."""
    config = yaml.safe_load(system.config_path.read_text())
    config["mqr"] |= settings
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))


def hightide(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(  # our own command
        [sys.executable, "-m", "worker", *arguments, "-c", str(system.config_path)],
        env={
            **os.environ,
            "HIGHTIDE_STATE_DIR": str(system.folder / "state"),
            "HIGHTIDE_PORT": "0",
        },
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


def mqr(system: System, *options: str) -> dict[str, Any]:
    """What `hightide mqr --json` prints."""
    done = hightide(system, "mqr", "--json", *options)
    assert 0 == done.returncode, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_limit_is_not_passed_by_one_row(system: System) -> None:
    """700 of about 2,000 rows are permitted: 700 are queried, then the model stands still."""
    set_mqr(system, limit=700)
    assert 700 == mqr(system, "--preflight")["left"]
    rows = len(books.model_rows(system))
    assert {MODEL: rows} == mqr(system, "--preflight")["next_poll_reads"]

    done = hightide(system, "poll", "--once")
    assert 4 == done.returncode
    assert "MQR limit of 700 is reached" in done.stderr
    assert (700, 0) == books.counted(books.ledger_entries(system))
    assert 700 == len(books.topic_rows(system).newest)
    found = mqr(system)
    assert (700, 0, 0, {MODEL: 700}) == (
        found["used"],
        found["left"],
        found["reserved"],
        found["used_by_model"],
    )
    assert "The limit is met" in hightide(system, "mqr").stdout

    # With a new contract it goes on where it stopped.
    set_mqr(system, limit=1_500_000)
    assert 0 == hightide(system, "poll", "--once").returncode
    assert (rows, 0) == books.counted(books.ledger_entries(system))
    assert rows == len(books.topic_rows(system).newest)


def test_warn_goes_on_and_says_so(system: System) -> None:
    """`on_limit: warn` queries everything; the threshold stands in the log."""
    set_mqr(system, limit=700, on_limit="warn")
    done = hightide(system, "poll", "--once")

    assert 0 == done.returncode
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert 100 == max(line.get("percent", 0) for line in lines)
    found = mqr(system)
    assert found["used"] == len(books.model_rows(system)) > 700
    assert found["forecast"] >= found["used"]


def test_each_command_has_an_example() -> None:
    """`--help` says what it does, and how it is called."""
    for command in ("mqr", "snapshot"):
        done = subprocess.run(  # our own command
            [sys.executable, "-m", "worker", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"hightide {command}" in done.stdout
        assert "--json" in done.stdout
