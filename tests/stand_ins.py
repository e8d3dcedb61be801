"""Sandbox parts as processes for a test run, and the back doors through which tests ask them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sandbox.process import SandboxProcess

# What the warehouse of a run takes as a password; any other one is refused.
PASSWORD = "sandbox"
WAREHOUSE_ROWS = 2_000
# Small, so that already a few hundred rows come in several downloads.
CHUNK_ROWS = 200


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running sandbox part."""

    process: SandboxProcess

    @property
    def ready(self) -> dict[str, str]:
        """What the part printed when it could be used."""
        return self.process.ready

    @property
    def url(self) -> str:
        return self.ready["url"]

    def ask(self, path: str, body: object = None) -> Any:
        """Return the answer of `/_sandbox/<path>`: POST when there is a body, else GET."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data)  # noqa: S310  # loopback
        # No proxy of this machine may stand between a test and its own process.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def run_stand_in(name: str, folder: Path, *arguments: str) -> Iterator[StandIn]:
    """Start a part; it is stopped at the end of the context."""
    process = SandboxProcess.start(name, arguments, folder)
    try:
        yield StandIn(process)
    finally:
        process.stop()


@contextmanager
def run_warehouse(folder: Path) -> Iterator[StandIn]:
    """A warehouse with 2,000 contacts that takes one password."""
    with run_stand_in(
        "warehouse",
        folder,
        *("--folder", str(folder / "databases"), "--password", PASSWORD),
        *("--rows", str(WAREHOUSE_ROWS), "--seed", "7", "--chunk-rows", str(CHUNK_ROWS)),
    ) as warehouse:
        yield warehouse
