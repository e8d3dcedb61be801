"""The sandbox's broker: which one is chosen, how jars come, and that no child is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sandbox.broker.choice import UNPROVED, Choice, Surroundings, choose, sentence
from connectors.sandbox.broker.jars import (
    FetchPolicy,
    RepositoryError,
    cache_folder,
    fetch_jars,
    kafka_version,
)
from connectors.sandbox.broker.java import java_major
from connectors.sandbox.broker.ports import free_port, is_free, wait_until_free
from connectors.sandbox.broker.tied import TiedProcess
from connectors.sandbox.process import SandboxError
from tests.brokers import RunBroker, refusal, unproved

_ALL = Surroundings(named="kafka:9092", java_major=21, maven=True, jars_cached=True)
_HASTY = FetchPolicy(connect_deadline_seconds=0.2, deadline_seconds=0.5, check_every_seconds=0.02)
_EMBEDDED = RunBroker("127.0.0.1:1", "embedded", "the stand-in")


def test_a_named_broker_wins_but_never_for_tests() -> None:
    """The demo uses the broker the user names; `local` must not write to it."""
    assert choose("auto", _ALL).kind == "named"
    assert choose("local", _ALL).kind == "apache"


@pytest.mark.parametrize(
    ("here", "kind", "reason"),
    [
        (Surroundings(None, 17, maven=True, jars_cached=False), "apache", ""),
        (Surroundings(None, 17, maven=False, jars_cached=True), "apache", ""),
        (Surroundings(None, 17, maven=False, jars_cached=False), "embedded", "no mvn"),
        (Surroundings(None, 11, maven=True, jars_cached=True), "embedded", "java 11 is too old"),
        (Surroundings(None, None, maven=True, jars_cached=True), "embedded", "no java"),
    ],
)
def test_apache_kafka_runs_wherever_it_can(here: Surroundings, kind: str, reason: str) -> None:
    """The stand-in is the last choice, and says what is missing for the real one."""
    choice = choose("auto", here)

    assert choice.kind == kind
    assert reason in choice.reason


def test_asking_for_apache_kafka_never_gives_another_broker() -> None:
    """A wish that cannot be met is an error with its reason."""
    with pytest.raises(SandboxError, match="java 8 is too old"):
        choose("apache", replace(_ALL, java_major=8))


def test_the_stand_in_says_why_it_runs_and_what_it_leaves_unproved() -> None:
    """Nobody takes a look at the stand-in for a proof."""
    line = sentence(Choice("embedded", "no java was found"), "h:1", kafka_version="4")

    assert "no java was found" in line
    assert UNPROVED in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ("Error: could not find libjava.so", None),
    ],
)
def test_the_version_of_java_is_read_from_its_answer(answer: str, expected: int | None) -> None:
    """Old numbering (1.8) and new are understood; no answer is no version."""
    assert java_major(answer) == expected


def test_the_cache_is_the_users_and_names_the_version(tmp_path: Path) -> None:
    """A new Kafka version fetches anew; XDG_CACHE_HOME is honoured."""
    folder = cache_folder({"XDG_CACHE_HOME": str(tmp_path)})

    assert folder == tmp_path / "hightide" / f"kafka-{kafka_version()}"


def test_jars_are_fetched_once(tmp_path: Path) -> None:
    """The second start asks no repository."""
    cache, log = tmp_path / "cache", tmp_path / "maven.log"
    maven = _maven(tmp_path, 'touch "$target/kafka.jar"; echo Downloaded from central')
    fetch_jars(maven, cache, log, threading.Event())
    Path(maven).unlink()
    fetch_jars(maven, cache, log, threading.Event())

    assert [path.name for path in cache.iterdir()] == ["kafka.jar"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('touch "$target/half.jar"; exit 1', "Maven could not fetch it"),
        ("exec sleep 30", "no Maven repository answered"),
        ("echo Downloaded from central; exec sleep 30", "took more than"),
    ],
)
def test_a_broken_download_never_counts(tmp_path: Path, script: str, reason: str) -> None:
    """Failing, silent and endless downloads end in time, with a reason and nothing kept."""
    cache = tmp_path / "caches" / "kafka"

    with pytest.raises(RepositoryError, match=reason):
        fetch_jars(_maven(tmp_path, script), cache, tmp_path / "log", threading.Event(), _HASTY)

    assert list(cache.parent.iterdir()) == []


def test_a_port_in_use_is_seen_and_waited_for() -> None:
    """A broker restarted on its port waits for the old one to let go, for a bounded time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stop = threading.Event()

        assert not is_free("127.0.0.1", port)
        assert not wait_until_free("127.0.0.1", port, stop=stop, deadline_seconds=0.1)
    assert wait_until_free("127.0.0.1", port, stop=stop, deadline_seconds=0.1)
    assert is_free("127.0.0.1", free_port("127.0.0.1"))


def test_stopping_wakes_a_frozen_child(tmp_path: Path) -> None:
    """A fault test that froze the broker can still stop it in an orderly way."""
    child = TiedProcess.start(["sleep", "60"], tmp_path / "log")
    os.kill(child.pid, signal.SIGSTOP)
    child.stop(grace_seconds=5)

    assert child.exit_code == -signal.SIGTERM


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """Stopping always ends."""
    log = tmp_path / "log"
    child = TiedProcess.start(["sh", "-c", "trap '' TERM; echo up; exec sleep 60"], log)
    _wait(lambda: "up" in log.read_text())
    child.stop(grace_seconds=0.05)

    assert child.exit_code == -signal.SIGKILL


def test_a_child_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    """No broker outlives a crash of the process that started it."""
    script = (
        "import sys; from pathlib import Path; "
        "from connectors.sandbox.broker.tied import TiedProcess; "
        f"child = TiedProcess.start(['sleep', '60'], Path({str(tmp_path / 'log')!r})); "
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    _wait(lambda: not _runs(child))


def test_ci_refuses_the_stand_in() -> None:
    """A green CI run has always met a real Kafka."""
    assert refusal(_EMBEDDED, {"CI": "true"}) is not None
    assert refusal(_EMBEDDED, {}) is None
    assert refusal(replace(_EMBEDDED, kind="apache"), {"CI": "true"}) is None


def test_a_run_on_the_stand_in_says_so() -> None:
    """The summary warns of the stand-in, and only of it."""
    assert "the stand-in" in (unproved(_EMBEDDED) or "")
    assert unproved(replace(_EMBEDDED, kind="named")) is None


def _maven(folder: Path, script: str) -> str:
    """A program that stands in for mvn: `script` with the wanted folder in $target."""
    program = folder / "mvn"
    option = "-DoutputDirectory=*"
    find = f'for word; do case "$word" in {option}) target="${{word#*=}}";; esac; done'
    program.write_text(f"#!/bin/sh\n{find}\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def _runs(pid: int) -> bool:
    """Whether the process still runs; one that ended and is not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)
