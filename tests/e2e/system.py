"""A whole installation for one test: stand-ins, a configuration, and workers as processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import snowflake.connector
import yaml

from connectors.sandbox.process import SandboxProcess
from worker.config.load import load_config
from worker.config.syncs import Config
from worker.operate.demo.oracle import Comparison, Oracle, compare, read_model

MODEL = "marketing_contacts"
SYNC = "iterable-production"
TABLE = "PREP.SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
PASSWORD = "canary-password-5f2a"
API_KEY = "canary-api-key-77c1"


@dataclass(slots=True)
class WorkerProcess:
    """A `hightide` process that was started by a test."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a series over the labels given; 0 while nothing answers."""
        try:
            url = f"http://127.0.0.1:{self.port}/metrics"
            text = urllib.request.urlopen(url, timeout=5).read().decode()  # loopback
        except OSError:
            return 0.0
        total = 0.0
        for line in text.splitlines():
            if re.match(rf"{name}(\{{| )", line) and all(
                f'{k}="{v}"' in line for k, v in labels.items()
            ):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, within_seconds: float = 25.0) -> int:
        """Ask it to drain; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within_seconds)


@dataclass(slots=True)
class System:
    """The stand-ins, the configuration file, and what Iterable should hold."""

    folder: Path
    config_path: Path
    config: Config
    warehouse: dict[str, str]
    iterable: dict[str, str]
    oracle: Oracle
    planted: dict[str, dict[str, Any]] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)

    def start(self, role: str, *arguments: str, **environment: str) -> WorkerProcess:
        """Start `hightide ROLE`; poll and deliver each keep their own state."""
        port = _free_port()
        log = self.folder / f"{role}-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker", role, "-c", str(self.config_path), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "HIGHTIDE_STATE_DIR": str(self.folder / "state"),
                    "HIGHTIDE_PORT": str(port),
                    "HIGHTIDE_HOST": "127.0.0.1",
                    **environment,
                },
            )
        worker = WorkerProcess(process, port, log)
        self.workers.append(worker)
        return worker

    def post(self, where: str, action: str, body: object) -> dict[str, Any]:
        """Use a stand-in's back door."""
        url = (self.warehouse if where == "warehouse" else self.iterable)["url"]
        request = urllib.request.Request(  # noqa: S310  # loopback
            f"{url}/_sandbox/{action}", data=json.dumps(body).encode(), method="POST"
        )
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return dict(json.loads(answer.read()))

    def get(self, action: str) -> bytes:
        """Read from Iterable's back door."""
        url = f"{self.iterable['url']}/_sandbox/{action}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # loopback
            return bytes(answer.read())

    def execute(self, sql: str) -> None:
        """Run a statement in the warehouse, as somebody else."""
        options = {**self.config.sources["snowflake"].connection, "password": PASSWORD}
        with snowflake.connector.connect(
            **options, enable_server_session_keep_alive_auto_detection=False
        ) as connection:
            connection.cursor().execute(sql)

    def look_at_model(self, *, plant: bool = True) -> None:
        """Let the oracle see the model as it is; every second new user gets a profile."""
        source = self.config.sources["snowflake"].connection
        rows = read_model({**source, "password": PASSWORD}, self.config.models[MODEL].sql)
        new = self.oracle.see(rows)
        by_user = {str(row["GITLAB_DOTCOM_USER_ID"]): row for row in rows}
        chosen = [user for user in new if plant and int(user) % 2]
        self.planted |= {user: {"plan": "free"} for user in chosen}
        profiles = [
            {
                "email": by_user[user]["EMAIL_ADDRESS"],
                "userId": user,
                "dataFields": {"plan": "free"},
            }
            for user in chosen
        ]
        if profiles:
            self.post("iterable", "profiles", profiles)

    def compare(self) -> Comparison:
        """Compare every profile in Iterable with what it should be."""
        found = (json.loads(line) for line in self.get("profiles").splitlines())
        return compare(found, self.planted, self.oracle.expected)

    def wait_until_equal(self, within_seconds: float = 60.0) -> Comparison:
        """Return the comparison once nothing differs, or the last one when time is up."""
        wait_until(lambda: _is_equal(self.compare()), within_seconds)
        return self.compare()

    def logs(self) -> str:
        """Return everything the workers printed."""
        return "".join(worker.log.read_text(errors="replace") for worker in self.workers)


def _is_equal(verdict: Comparison) -> bool:
    return verdict.different == verdict.missing == verdict.unexpected == 0


def wait_until(condition: Callable[[], bool], within_seconds: float = 30.0) -> bool:
    """Return whether the condition came true in time, asking often."""
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)  # noqa: TID251  # a test waits for other processes
    return condition()


@contextmanager
def installation(
    folder: Path, bootstrap: str, kind: str, prefix: str, *, rows: int, latency_ms: str = "5:20"
) -> Iterator[System]:
    """Start warehouse and Iterable, write hightide.yaml; stop everything on the way out."""
    started: list[SandboxProcess] = []
    warehouse = SandboxProcess.start(
        "warehouse",
        ["--folder", str(folder / "db"), "--password", PASSWORD, "--rows", str(rows)],
        folder,
        deadline_seconds=90,
    )
    started.append(warehouse)
    iterable = SandboxProcess.start(
        "iterable", ["--api-key", API_KEY, "--latency-ms", latency_ms], folder
    )
    started.append(iterable)
    path = _write_config(folder, bootstrap, kind, prefix, warehouse.ready, iterable.ready)
    config = load_config(path)
    sync = config.syncs[SYNC]
    oracle = Oracle(sync.renamed, sync.match["userId"], config.models[MODEL].primary_key)
    system = System(folder, path, config, warehouse.ready, iterable.ready, oracle)
    try:
        yield system
    finally:
        for worker in system.workers:
            if worker.process.poll() is None:
                worker.kill()
        for process in started:
            process.stop()


def _write_config(
    folder: Path,
    bootstrap: str,
    kind: str,
    prefix: str,
    warehouse: dict[str, str],
    iterable: dict[str, str],
) -> Path:
    text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    for name, secret in (("password", PASSWORD), ("key", API_KEY), ("mqr", "canary-mqr-key-0d9e")):
        (folder / name).write_text(secret)
    config["sources"]["snowflake"]["connection"] = {
        "account": "sandbox",
        "user": "HIGHTIDE",
        "password": {"file": str(folder / "password")},
        "host": warehouse["host"],
        "port": int(warehouse["port"]),
        "protocol": "http",
        "use_proxy_env": False,
        "database": "PREP",
        "schema": "SENSITIVE",
    }
    config["models"][MODEL] |= {"settle_delay": "0.001s", "forced_poll": "1s"}
    config["destinations"]["iterable"] = {
        "type": "iterable",
        "base_url": iterable["url"],
        "project_type": "email",
        "api_key": {"file": str(folder / "key")},
    }
    config["syncs"][SYNC] |= {"every": "1s", "linger": "0.1s"}
    config["kafka"] = {
        "bootstrap_servers": [bootstrap],
        "topic_prefix": prefix,
        "partitions": 3,
        "replication_factor": 1,
        "assignor": "range" if kind == "embedded" else "cooperative",
        "session_timeout": "6s",
    }
    config["mqr"]["hash_key"] = {"file": str(folder / "mqr")}
    path = folder / "hightide.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
