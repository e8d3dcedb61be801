"""The three stand-ins as processes, and the configuration that points the worker at them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from connectors.sandbox.broker import START_DEADLINE_SECONDS
from connectors.sandbox.process import SandboxProcess
from worker.config.load import load_config
from worker.config.syncs import Config

MODEL = "marketing_contacts"
SYNC = "iterable-production"
LATENCY_MS = "20:80"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the stand-ins are."""

    bootstrap: str
    broker_sentence: str
    broker_kind: str
    warehouse: dict[str, str]
    iterable: dict[str, str]
    folder: Path


@contextlib.asynccontextmanager
async def sandbox(folder: Path, seed: int) -> AsyncIterator[Stack]:
    """Start the three stand-ins side by side; stop them on the way out."""
    started: list[SandboxProcess] = []

    async def start(name: str, *arguments: str) -> dict[str, str]:
        process = await asyncio.to_thread(
            SandboxProcess.start, name, arguments, folder, deadline_seconds=START_DEADLINE_SECONDS
        )
        started.append(process)
        return process.ready

    try:
        broker, warehouse, iterable = await asyncio.gather(
            start("broker", "--folder", str(folder / "broker")),
            start("warehouse", "--folder", str(folder / "warehouse")),
            start("iterable", "--latency-ms", LATENCY_MS, "--seed", str(seed)),
        )
        yield Stack(
            broker["bootstrap"],
            broker["sentence"],
            broker["kind"],
            warehouse,
            iterable,
            folder,
        )
    finally:
        await asyncio.gather(*(asyncio.to_thread(process.stop) for process in started))


def configure(stack: Stack) -> Config:
    """Write the shipped example, pointed at the stand-ins, as `hightide.yaml`; return it loaded."""
    text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    os.environ["HIGHTIDE_DEMO_PASSWORD"] = "sandbox"  # noqa: S105  # opens a stand-in only
    os.environ["HIGHTIDE_DEMO_KEY"] = stack.iterable["api_key"]
    os.environ["HIGHTIDE_DEMO_MQR_KEY"] = secrets.token_hex(32)
    config["sources"]["snowflake"]["connection"] = {
        "account": "sandbox",
        "user": "HIGHTIDE",
        "password": {"env": "HIGHTIDE_DEMO_PASSWORD"},
        "host": stack.warehouse["host"],
        "port": int(stack.warehouse["port"]),
        "protocol": "http",
        "use_proxy_env": False,
        "database": "PREP",
        "schema": "SENSITIVE",
    }
    # One writer whose commits are seen at once: there is nothing to wait for.
    config["models"][MODEL]["settle_delay"] = "0.001s"
    config["destinations"]["iterable"] |= {
        "base_url": stack.iterable["url"],
        "api_key": {"env": "HIGHTIDE_DEMO_KEY"},
    }
    del config["destinations"]["iterable"]["region"]
    config["kafka"] = {
        "bootstrap_servers": [stack.bootstrap],
        # HIGHTIDE_KAFKA may name a broker that somebody works with: nothing of his is touched.
        "topic_prefix": f"hightide-demo-{secrets.token_hex(4)}",
        "partitions": 6,
        "replication_factor": 1,
        "assignor": "range" if stack.broker_kind == "embedded" else "cooperative",
    }
    config["mqr"]["hash_key"] = {"env": "HIGHTIDE_DEMO_MQR_KEY"}
    path = stack.folder / "hightide.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return load_config(path)


class Door:
    """The stand-ins' back doors: build, trickle, plant and look, as no worker can."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self._warehouse = stack.warehouse["url"]
        self._iterable = stack.iterable["url"]
        self._session = session

    async def warehouse(self, action: str, **body: object) -> dict[str, Any]:
        """Seed, build or trickle; return the counts."""
        return await self._post(f"{self._warehouse}/_sandbox/{action}", body)

    async def plant(self, profiles: list[dict[str, object]]) -> None:
        """Create profiles in Iterable, as the product does."""
        await self._post(f"{self._iterable}/_sandbox/profiles", profiles)

    async def profiles(self) -> bytes:
        """Return every profile in Iterable, one JSON object a line."""
        async with self._session.get(f"{self._iterable}/_sandbox/profiles") as response:
            return await response.read()

    async def iterable(self, action: str, **body: object) -> dict[str, Any]:
        """Order faults, revoke keys or turn switches of Iterable."""
        return await self._post(f"{self._iterable}/_sandbox/{action}", body)

    async def journal(self, path: str) -> list[float]:
        """Return when calls to one path arrived, in seconds, in order."""
        async with self._session.get(f"{self._iterable}/_sandbox/journal") as response:
            calls = [orjson.loads(line) for line in (await response.read()).splitlines()]
        return [float(c["arrived_at_seconds"]) for c in calls if c["path"] == path]

    async def stats(self) -> dict[str, Any]:
        """Return what Iterable has seen."""
        async with self._session.get(f"{self._iterable}/_sandbox/stats") as response:
            return dict(await response.json())

    async def _post(self, url: str, body: object) -> dict[str, Any]:
        async with self._session.post(url, json=body) as response:
            response.raise_for_status()
            return dict(await response.json())
