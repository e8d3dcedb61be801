"""Trial: the tests of a mutation on the sabotaged copy, and the verdict.

Only a test that failed is a proof. A test that could not be imported, was not found or never ended
shows nothing of the promise, and neither does one that is red without the mutation.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.sabotage.mutation import Mutation, applied

TEST_SECONDS = 30.0  # one that goes on for ever has failed
DEADLINE_SECONDS = 120.0
CONTROL_DEADLINE_SECONDS = 600.0
FAREWELL_SECONDS = 10.0
TIMED_OUT = -1
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", flags=re.MULTILINE)

Verdict = Literal["red", "GREEN", "broken"]


class ControlError(Exception):
    """The tests cannot even be run on a copy that is whole; the message holds what they said."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of pytest came to."""

    status: int
    output: str

    @property
    def failed(self) -> list[str]:
        """The node ids of tests that failed, without their parameters."""
        return [found.partition("[")[0] for found in _FAILED.findall(self.output)]


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutation with its verdict, and the test that noticed it."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    noticed_by: str


Run = Callable[[Path, Sequence[str]], Ran]


def try_out(mutation: Mutation, root: Path, run: Run) -> Trial:
    """Run a mutation's tests on the sabotaged copy; the copy is whole again after that."""
    started = time.monotonic()
    with applied(mutation, root):
        ran = run(root, mutation.tests)
    noticed_by = ran.failed[0] if ran.failed else ""
    return Trial(mutation, verdict(ran.status), time.monotonic() - started, noticed_by)


def verdict(status: int) -> Verdict:
    """Return what a run's exit status says of the mutation."""
    match status:
        case pytest.ExitCode.TESTS_FAILED:
            return "red"
        case pytest.ExitCode.OK:
            return "GREEN"
    return "broken"


def red_anyway(root: Path, tests: Sequence[str]) -> set[str]:
    """Return which tests fail on the copy as it is; ControlError when they can't be run."""
    ran = _run_tests(root, tests, _environment(root), CONTROL_DEADLINE_SECONDS)
    if verdict(ran.status) == "broken":
        raise ControlError(f"the tests do not run without any mutation:\n{ran.output}")
    return set(ran.failed)


def run_sabotaged(root: Path, tests: Sequence[str]) -> Ran:
    """Run tests of the copy until the first one fails."""
    # What the control compiled is read again. What a mutation compiles must not be kept: a
    # compiled file knows its source by second and size only.
    environment = {**_environment(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return _run_tests(root, ["-x", *tests], environment, DEADLINE_SECONDS)


def _environment(root: Path) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    return {**environment, "PYTHONPATH": str(root)}


def _run_tests(
    root: Path, arguments: Sequence[str], environment: dict[str, str], deadline_seconds: float
) -> Ran:
    # Always in the same order and with the same dice: a verdict can be had again.
    options = ["-q", "--tb=no", "--hypothesis-seed=0", "-p", "tests.sabotage.origin"]
    options += ["-p", "no:randomly", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS:g}"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    return run_bounded(command, root, environment, deadline_seconds)


def run_bounded(
    command: Sequence[str], folder: Path, environment: dict[str, str], deadline_seconds: float
) -> Ran:
    """Run a command for so long at most; whatever ends this, its processes end with it."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=deadline_seconds)
    except subprocess.TimeoutExpired:
        return Ran(TIMED_OUT, "")
    finally:
        _end(process)
    return Ran(process.returncode, output)


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt a process that still runs, so that it ends its own; then kill what is left."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGINT)
            process.wait(FAREWELL_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
