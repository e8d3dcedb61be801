"""Child processes that end with us, however we end, so that no broker is left behind.

A crash of ours (SIGKILL) runs no code. So a second child, a shell, waits on a pipe that only we
hold open: when we are gone it reads the end of the file and kills the first child.
That works on every POSIX system and touches no thread, unlike a parent-death signal.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Below the 10 s after which SandboxProcess.stop kills us: an orderly exit must come first.
STOP_GRACE_SECONDS = 8.0

_WATCHER = 'read -r nothing; kill -KILL "$1"'


@dataclass(slots=True)
class TiedProcess:
    """A running child. Its output goes to `log`; it never outlives this process."""

    process: subprocess.Popen[bytes]
    watcher: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start `command` with its whole output appended to `log`."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "watcher", str(process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return cls(process, watcher, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """The child's exit code, or None while it runs."""
        return self.process.poll()

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """End the child: SIGTERM, `grace_seconds`, SIGKILL. A frozen child is woken to hear it."""
        if self.exit_code is None:
            self.process.terminate()
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._release()

    def _release(self) -> None:
        """End the watcher, only after the child is reaped: its number may be another's soon."""
        self.watcher.kill()
        self.watcher.wait()
        if self.watcher.stdin is not None:
            self.watcher.stdin.close()
