"""The processes under test: started, killed, frozen, looked at."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.soak.books import Scrape

SCRAPE = aiohttp.ClientTimeout(total=0.9)


@dataclass(slots=True)
class Member:
    """One `hightide` process, and the one that takes its place when it is killed."""

    role: str
    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    frozen: bool = False
    seen: Scrape | None = None
    past: list[Scrape] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def start(self) -> None:
        """Start it anew; its log goes on in the same file."""
        self.port = _free_port()
        self.past += [] if self.seen is None else [self.seen]
        self.seen, self.frozen, self.rss_mb = None, False, []
        command = [sys.executable, "-m", "worker", self.role]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-c", str(self.folder / "hightide.yaml")],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "HIGHTIDE_STATE_DIR": str(self.folder / f"state-{self.name}"),
                    "HIGHTIDE_PORT": str(self.port),
                    "HIGHTIDE_HOST": "127.0.0.1",
                    "HIGHTIDE_PROBE_SECONDS": "2",
                },
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; SIGSTOP freezes and SIGCONT wakes."""
        if self.process is not None:
            self.process.send_signal(number)
            self.frozen = number is signal.SIGSTOP

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def leave(self) -> int:
        """Ask it to drain; return its exit code, -9 when it had to be killed."""
        if self.process is None:
            return 0
        self.send(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, 25.0)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    async def look(self, session: aiohttp.ClientSession) -> Scrape | None:
        """Return what it says now; None while it starts or stands still."""
        if not self.alive or self.frozen:
            return None
        self._weigh()
        try:
            async with session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
                return Scrape.read(await answer.text())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def _weigh(self) -> None:
        with contextlib.suppress(OSError, StopIteration):
            status = Path(f"/proc/{self.process.pid if self.process else 0}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
            self.rss_mb.append(int(line.split()[1]) / 1024)
            self.peak_mb = max(self.peak_mb, self.rss_mb[-1])

    @property
    def growth_mb(self) -> float:
        """How much more it holds at the end than at half time, on average of a fifth each."""
        fifth = len(self.rss_mb) // 5
        if not fifth:
            return 0.0
        half = len(self.rss_mb) // 2
        middle, end = self.rss_mb[half : half + fifth], self.rss_mb[-fifth:]
        return sum(end) / len(end) - sum(middle) / len(middle)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
