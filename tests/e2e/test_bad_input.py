"""What a person can get wrong, and what can be wrong outside: one clear sentence each."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.system import API_KEY, MODEL, SYNC, TABLE, System, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def rewrite(system: System, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the configuration file."""
    config = yaml.safe_load(system.config_path.read_text())
    change(config)
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))


def run(system: System, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a command of `hightide` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments, "-c", str(system.config_path)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def findings(system: System) -> dict[str, str]:
    """Return what `hightide check` finds wrong, by what it looked at."""
    result = run(system, "check", "--json")
    found = json.loads(result.stdout)
    wrong = {f["what"]: f["says"] for f in found if not f["ok"]}
    assert (4 if wrong else 0) == result.returncode
    return wrong


def state_reason(log: Path, state: str) -> str:
    """Return the reason of the last log line about a state; empty while there is none."""
    for line in reversed(log.read_text().splitlines()):
        if line.startswith("{") and (entry := json.loads(line)).get("state") == state:
            return str(entry["reason"])
    return ""


def test_all_is_well(system: System) -> None:
    """With everything there `check` finds nothing and exits 0."""
    assert {} == findings(system)


def test_a_missing_and_an_unknown_setting(system: System) -> None:
    """The sentence names file, line and key; exit code 2."""
    rewrite(system, lambda c: c["models"][MODEL].pop("primary_key"))
    missing = run(system, "check")
    assert 2 == missing.returncode
    assert f"models.{MODEL}.primary_key: is missing" in missing.stderr
    assert "line " in missing.stderr

    rewrite(system, lambda c: c["models"][MODEL].update(primary_key="X", colour="red"))
    unknown = run(system, "run")
    assert 2 == unknown.returncode
    assert f"models.{MODEL}.colour" in unknown.stderr


def test_a_wrong_type_of_setting(system: System) -> None:
    """A word where a number must be: said before anything is opened."""
    rewrite(system, lambda c: c["mqr"].update(limit="many"))
    result = run(system, "check")
    assert 2 == result.returncode
    assert "mqr.limit" in result.stderr
    assert 1 == len(result.stderr.strip().splitlines())


def test_unknown_columns(system: System) -> None:
    """A mapped column, a key and a watermark that the model lacks are named."""
    rewrite(system, lambda c: c["syncs"][SYNC]["fields"].update(nick="NICK_NAME"))
    assert "NICK_NAME" in findings(system)[f"model {MODEL}"]
    rewrite(system, lambda c: c["models"][MODEL].update(primary_key="NO_KEY"))
    assert "has no column NO_KEY" in findings(system)[f"model {MODEL}"]


def test_a_watermark_that_is_no_timestamp(system: System) -> None:
    """It is said what the column is and what it must be."""
    rewrite(system, lambda c: c["models"][MODEL].update(watermark="FIRST_NAME"))
    sentence = findings(system)[f"model {MODEL}"]
    must = "must be a timestamp, a date or a whole number, it is text"
    assert f"the watermark FIRST_NAME {must}" in sentence


def test_a_wrong_password(system: System) -> None:
    """The sentence says who refused and where to look, and never shows the password."""
    (system.folder / "password").write_text("not-the-password")
    sentence = findings(system)[f"model {MODEL}"]
    assert "refused the login" in sentence
    assert "not-the-password" not in sentence


def test_a_dead_broker(system: System) -> None:
    """The process ends with exit code 3 and one sentence, in seconds."""
    rewrite(system, lambda c: c["kafka"].update(bootstrap_servers=["127.0.0.1:1"]))
    started = time.monotonic()
    result = run(system, "poll")
    assert 3 == result.returncode
    assert "Kafka at 127.0.0.1:1 did not answer" in result.stderr.splitlines()[-1]
    assert time.monotonic() - started < 45


def test_an_unreachable_iterable_loses_nothing(system: System) -> None:
    """Delivery waits, says so, and goes on when Iterable is there again."""
    system.look_at_model()
    rewrite(system, lambda c: c["destinations"]["iterable"].update(base_url="http://127.0.0.1:1"))
    assert "is not reachable" in findings(system)[f"sync {SYNC}"]
    cut_off = system.start("run")
    assert wait_until(lambda: "is not reachable" in state_reason(cut_off.log, "retrying"), 60)
    assert 0 == cut_off.terminate()

    url = system.iterable["url"]
    rewrite(system, lambda c: c["destinations"]["iterable"].update(base_url=url))
    system.start("run")
    verdict = system.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)


def test_a_revoked_key_stops_the_sync_and_heals(system: System) -> None:
    """401: offsets are kept, the reason is said, and a new key in the file is enough."""
    system.look_at_model()
    system.post("iterable", "keys", {"revoke": API_KEY})
    worker = system.start("run", HIGHTIDE_PROBE_SECONDS="1")
    assert wait_until(lambda: "refused the API key" in state_reason(worker.log, "stopped"), 60)
    assert 1.0 == worker.metric("hightide_sync_state", state="stopped")
    assert 0.0 == worker.metric("hightide_rows_total", outcome="rejected")

    system.post("iterable", "keys", {"restore": "canary-new-key-1234"})
    (system.folder / "key").write_text("canary-new-key-1234")
    verdict = system.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert 1.0 == worker.metric("hightide_sync_state", state="running")


def test_an_empty_model(system: System) -> None:
    """No row: polls end well, nothing is called, nothing is counted."""
    rewrite(system, lambda c: c["models"][MODEL].update(sql=f"SELECT * FROM {TABLE} WHERE 1 = 0"))
    assert {} == findings(system)
    worker = system.start("run")
    assert wait_until(lambda: worker.metric("hightide_polls_total", result="complete") >= 2, 60)
    assert 0.0 == worker.metric("hightide_mqr_used_records")
    assert 0.0 == worker.metric("hightide_calls_total")
    assert 0 == worker.terminate()


def test_a_null_key(system: System) -> None:
    """The row is counted and named, and left out; every other one is published."""
    first = "(SELECT MIN(GITLAB_DOTCOM_USER_ID) FROM {0} WHERE NAMESPACES_ARRAY IS NOT NULL)"
    system.execute(
        f"UPDATE {TABLE} SET DIM_MARKETING_CONTACT_ID = NULL, GITLAB_DOTCOM_CREATED_DATE = "
        f"CURRENT_TIMESTAMP()::TIMESTAMP_NTZ, GITLAB_DOTCOM_LAST_LOGIN_DATE = "
        f"CURRENT_TIMESTAMP()::TIMESTAMP_NTZ WHERE GITLAB_DOTCOM_USER_ID = {first.format(TABLE)}",
    )
    assert "1 rows whose key DIM_MARKETING_CONTACT_ID is NULL" in findings(system)[f"model {MODEL}"]
    worker = system.start("poll")
    assert wait_until(lambda: worker.metric("hightide_polls_total", result="complete") >= 1, 60)
    assert 1.0 == worker.metric("hightide_source_unusable_rows", reason="null_key")
    assert 1.0 == worker.metric("hightide_model_state", state="running")
    system.look_at_model()
    published = worker.metric("hightide_source_rows_total", result="published")
    assert len(system.oracle.content) - 1 == published


def test_a_port_in_use(system: System) -> None:
    """The sentence names the port and the variable that sets it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        worker = system.start("deliver", HIGHTIDE_PORT=port)
        assert 4 == worker.process.wait(timeout=30)
    text = worker.log.read_text()
    assert f"port {port} on 127.0.0.1 can't be opened" in text
    assert "HIGHTIDE_PORT" in text


def test_no_space_for_the_index(system: System) -> None:
    """A full disk stops the model with a sentence; with space again nothing is missing."""
    system.look_at_model()
    small = system.folder / "small.log"
    command = f"ulimit -f 96; exec {sys.executable} -m worker poll -c {system.config_path}"
    with small.open("wb") as output:
        full = subprocess.Popen(
            ["bash", "-c", command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"HIGHTIDE_STATE_DIR": str(system.folder / "state"), "HIGHTIDE_PORT": "0"},
        )
        assert wait_until(lambda: "no space left" in small.read_text(), 60), small.read_text()
        full.kill()
        full.wait()
    system.start("run")
    verdict = system.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
