"""The stand-ins a soak runs on: as the demo's, but the broker can be killed and come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import yaml

from connectors.sandbox.broker import START_DEADLINE_SECONDS
from connectors.sandbox.process import SandboxProcess
from worker.operate.demo.stack import MODEL, SYNC, Door, Stack, configure

TABLE = "SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
PASSWORD = "sandbox"  # noqa: S105  # opens a stand-in only


class Broker:
    """A broker on a port of its own; what it holds outlives it, if it is a real one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = self._start("--kind", "local")

    @property
    def ready(self) -> dict[str, str]:
        return self._process.ready

    @property
    def keeps_its_data(self) -> bool:
        return self.ready["kind"] == "apache"

    def crash_and_start(self) -> None:
        """Kill it and start it again on the port and data it had."""
        port, kind = self.ready["bootstrap"].rsplit(":", 1)[1], self.ready["kind"]
        os.kill(int(self.ready["pid"]), signal.SIGKILL)
        self._process.stop()
        self._process = self._start("--kind", kind, "--port", port)

    def stop(self) -> None:
        self._process.stop()

    def _start(self, *arguments: str) -> SandboxProcess:
        return SandboxProcess.start(
            "broker",
            ["--folder", str(self._folder / "broker"), *arguments],
            self._folder,
            deadline_seconds=START_DEADLINE_SECONDS,
        )


class BackDoor(Door):
    """The demo's back door, and one order more."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        super().__init__(stack, session)
        self._faults = f"{stack.iterable['url']}/_sandbox/faults"
        self._client = session

    async def clear_faults(self) -> None:
        """Let no fault that still waits hit a call."""
        async with self._client.delete(self._faults) as answer:
            answer.raise_for_status()


@contextlib.asynccontextmanager
async def ground(folder: Path, seed: int, rows: int) -> AsyncIterator[tuple[Stack, Broker]]:
    """Start broker, warehouse and Iterable and write `hightide.yaml`; all stop on the way out."""
    others: list[SandboxProcess] = []

    async def start(name: str, *arguments: str) -> dict[str, str]:
        process = await asyncio.to_thread(
            SandboxProcess.start, name, arguments, folder, deadline_seconds=90.0
        )
        others.append(process)
        return process.ready

    broker = await asyncio.to_thread(Broker, folder)
    try:
        warehouse = await start("warehouse", "--folder", str(folder / "db"), "--rows", str(rows))
        iterable = await start("iterable", "--latency-ms", "20:120", "--seed", str(seed))
        ready = broker.ready
        stack = Stack(
            ready["bootstrap"], ready["sentence"], ready["kind"], warehouse, iterable, folder
        )
        _configure(stack)
        yield stack, broker
    finally:
        for process in others:
            await asyncio.to_thread(process.stop)
        await asyncio.to_thread(broker.stop)


def _configure(stack: Stack) -> None:
    """Take the demo's configuration, with short waits and a model of the whole table.

    With a filter a row could leave the model between two polls, and nobody would know its last
    version.
    """
    configure(stack)
    path = stack.folder / "hightide.yaml"
    config = yaml.safe_load(path.read_text())
    config["models"][MODEL] |= {
        "sql": f"SELECT * FROM {TABLE}",  # noqa: S608  # our own constant
        "overlap": "30s",
        "forced_poll": "5s",
    }
    config["syncs"][SYNC] |= {"every": "1s", "linger": "0.1s"}
    config["kafka"]["session_timeout"] = "6s"
    config["mqr"]["limit"] = 100_000_000
    path.write_text(yaml.safe_dump(config, sort_keys=False))
