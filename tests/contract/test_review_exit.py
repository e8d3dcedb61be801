"""How a process ends: exit codes, and what of a mistake is said."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import traceback
from importlib.resources import files
from pathlib import Path

import pytest

from worker import cli
from worker.app.run import Worker
from worker.config.load import load_config
from worker.config.settings import Settings

CANARY = "alice@example.com"
EXAMPLE = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")


def mistake(*_: object, **__: object) -> None:
    """Fail as a bug does that quotes a row, for a reason that quotes it too."""
    try:
        int(CANARY)
    except ValueError as error:
        raise LookupError(f"no such row: {CANARY}") from error


@pytest.mark.parametrize("command", ["check", "poll", "deliver", "run"])
def test_a_mistake_of_ours_is_said_by_type_and_place_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Exit code 1; whoever reports it repeats no row."""
    for module in ("look", "work"):
        monkeypatch.setattr(f"worker.cli.{module}.load", mistake)
    monkeypatch.setattr(sys, "argv", ["hightide", command])

    assert 1 == cli.main()
    said = capsys.readouterr().err
    assert "hightide: a mistake of ours, please report it: LookupError\n" in said
    assert f"{__file__}:{_line_of_the_raise()} in mistake\n" in said
    assert CANARY not in said


def test_an_end_from_outside_is_not_a_success(tmp_path: Path) -> None:
    """SIGTERM while `check` waits for a broker that never answers: 143, nothing printed."""
    path = tmp_path / "hightide.yaml"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        path.write_text(EXAMPLE.replace("kafka:9092", f"127.0.0.1:{silent.getsockname()[1]}"))
        process = subprocess.Popen(
            [sys.executable, "-m", "worker", "check", "-c", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HIGHTIDE_STATE_DIR": str(tmp_path)},
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=10)

    assert (143, b"") == (process.returncode, said)


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """A worker that has no role: it waits until it is stopped."""
    path = tmp_path / "hightide.yaml"
    path.write_text(EXAMPLE)
    settings = Settings(state_dir=tmp_path / "state", port=0)
    return Worker(load_config(path), settings, poll=False, deliver=False)


@pytest.mark.parametrize("reported", [{}, {"exception": OSError(24, "too many open files")}])
async def test_a_report_of_the_loop_itself_does_not_end_the_worker(
    worker: Worker, reported: dict[str, object]
) -> None:
    """A metrics connection that could not be accepted is no reason to stop delivering."""
    running = asyncio.create_task(worker.run())
    await _turns()
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "socket.accept() out of system resource", **reported})
    await _turns()
    assert (False, False) == (running.done(), worker.stop.is_set())
    worker.stop.set()

    await running


async def test_a_task_that_fails_ends_the_worker_with_its_error(worker: Worker) -> None:
    """The other side of it: a call that nobody awaits must not fail unseen."""
    running = asyncio.create_task(worker.run())
    await _turns()
    loop = asyncio.get_running_loop()
    context = {"message": "a call failed", "exception": KeyError("x"), "task": running}
    loop.call_exception_handler(context)
    with pytest.raises(KeyError):
        await running


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251  # no wait: it hands the loop to the worker


def _line_of_the_raise() -> int:
    try:
        mistake()
    except LookupError as error:
        frames = traceback.extract_tb(error.__traceback__)
        return frames[-1].lineno or 0
    raise AssertionError
