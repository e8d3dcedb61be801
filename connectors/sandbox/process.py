"""Start a sandbox part as a process of its own, so that it shares no clock or lock with the worker.

Each part is a module that can be run: it prints one line of JSON when it can be used
(`{"url": "http://127.0.0.1:41234"}`), serves until SIGTERM, and exits 0.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class SandboxError(Exception):
    """A stand-in could not be started or broke; the message says what to do."""


@dataclass(slots=True)
class SandboxProcess:
    """A running part. `ready` is what it printed when it could be used."""

    name: str
    process: subprocess.Popen[bytes]
    ready: dict[str, str]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        *,
        deadline_seconds: float = 60.0,
    ) -> Self:
        """Run `python -m connectors.sandbox.<name>` and return once it is ready.

        Its log goes to `<folder>/<name>.log`.
        Raises SandboxError, naming that file, if it ends or stays silent for `deadline_seconds`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{name}.log"
        with log.open("ab") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", f"connectors.sandbox.{name}", *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        try:
            line = _first_line(process, deadline_seconds)
            ready = json.loads(line)
        except (ValueError, TimeoutError) as error:
            _end(process)
            raise SandboxError(
                f"the sandbox {name} did not start within {deadline_seconds:.0f} s; see {log}"
            ) from error
        return cls(name, process, ready, log)

    def stop(self) -> None:
        """Ask the process to end and wait for it; after 10 s it is killed."""
        _end(self.process)

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _first_line(process: subprocess.Popen[bytes], deadline_seconds: float) -> bytes:
    stdout = process.stdout
    if stdout is None:
        raise ValueError("no output to read")
    end = time.monotonic() + deadline_seconds
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([stdout], [], [], min(left, 0.2))
        if readable:
            line = stdout.readline()
            if line.strip() or not line:
                return line  # an empty line means the process ended: no JSON, a ValueError
    raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
