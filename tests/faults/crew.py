"""Deliver processes inside the test's own, on a real broker, towards far ends it can look into."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.avro import RowEncoder, row_schema
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import Destination
from connectors.records import Change, Column, ColumnType
from tests.closing import closed_after
from tests.faults.far_end import FarEnd, Way
from tests.kafka_records import connect
from worker.app.deliver_role import Timing
from worker.app.parts import Parts
from worker.app.run import Worker
from worker.config.load import load_config
from worker.config.settings import Settings
from worker.config.syncs import Config

MODEL = "people"
COLUMNS = (Column("ID", ColumnType.TEXT), Column("VERSION", ColumnType.DECIMAL, 38, 0))
SCHEMA = row_schema(MODEL, COLUMNS)


class Crew:
    """A model's topic, the syncs that read it, and members that come and go."""

    def __init__(
        self, folder: Path, bootstrap: str, kind: str, prefix: str, far_ends: Mapping[str, FarEnd]
    ) -> None:
        self.far_ends = far_ends
        self.config = _config(folder, bootstrap, kind, prefix, far_ends)
        self.settings = Settings(state_dir=folder / "state", port=0, probe_seconds=1.0)
        self.parts = Parts(self.config, self.settings)
        self.topic = self.parts.names.model(MODEL)
        self.newest: dict[str, int] = {}
        self.running: dict[Worker, asyncio.Task[None]] = {}
        self._producer = KafkaChangeProducer(connect(bootstrap))
        self._schemas = self.parts.schemas()

    async def publish(self, versions: Mapping[str, int]) -> None:
        """Return once the topic holds a row of each person at this version."""
        schema_id = await self._schemas.register(f"{self.topic}-value", SCHEMA)
        encode = RowEncoder(SCHEMA, schema_id, COLUMNS).encode
        values = encode([(who, version) for who, version in versions.items()])
        changes = [
            Change(who.encode(), value, _spread(who), b"%d" % version, version)
            for value, (who, version) in zip(values, versions.items(), strict=True)
        ]
        await self._producer.send(self.topic, changes, epoch=1)
        self.newest |= {who: version for who, version in versions.items() if version > 0}

    async def join(self) -> Worker:
        """Let another deliver process begin."""
        timing = Timing(lag_seconds=0.5, release_seconds=4.0, drain_seconds=8.0)
        worker = Worker(self.config, self.settings, timing, poll=False, deliver=True)
        await worker.open()
        self.running[worker] = asyncio.create_task(worker.run())
        return worker

    async def leave(self, worker: Worker) -> None:
        """Let one drain and end, as by SIGTERM."""
        worker.stop.set()
        await self.running.pop(worker)

    def is_done(self, sync: str) -> bool:
        """Whether a sync's far end has everybody's newest version."""
        return self.far_ends[sync].newest == self.newest

    async def until(self, condition: Callable[[], bool], within_seconds: float = 40.0) -> float:
        """Return the seconds until a condition held; fail when it does not in time."""
        begun = time.monotonic()
        while not condition():
            assert time.monotonic() - begun < within_seconds, f"not within {within_seconds} s"
            for task in self.running.values():
                if task.done():
                    await task  # raises what ended it
            await asyncio.sleep(0.02)  # noqa: TID251  # a test waits for other threads
        return time.monotonic() - begun

    async def close(self) -> None:
        for worker in list(self.running):
            with contextlib.suppress(Exception):
                await self.leave(worker)
        await self._producer.close()
        await self._schemas.close()


@asynccontextmanager
async def crew(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    broker: tuple[str, str],
    prefix: str,
    **far_ends: FarEnd,
) -> AsyncIterator[Crew]:
    """Have a crew with a sync for each far end, and its topics."""

    class PartsHere(Parts):
        def destination(self, sync_name: str) -> Destination:
            return Way(far_ends[sync_name])

        def field_types(self, sync_name: str) -> None:
            assert sync_name in far_ends, "a far end takes any type"

    monkeypatch.setattr("worker.app.run.Parts", PartsHere)
    async with closed_after(Crew(folder, *broker, prefix.rstrip("-"), far_ends)) as made:
        await made.parts.prepare_topics()
        yield made


def _spread(who: str) -> int:
    return sum(who.encode())


def _config(
    folder: Path, bootstrap: str, kind: str, prefix: str, syncs: Mapping[str, object]
) -> Config:
    text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    [example] = config["syncs"].values()
    config["models"] = {
        MODEL: {"source": "snowflake", "primary_key": "ID", "watermark": "AT", "sql": "SELECT 1"}
    }
    config["syncs"] = {
        name: example
        | {
            "model": MODEL,
            "destination": name,
            "match": {"userId": "ID"},
            "fields": {"version": "VERSION"},
            "linger": "0.05s",
            "rate_share": 1.0,
        }
        for name in syncs
    }
    [where] = config["destinations"].values()
    config["destinations"] = dict.fromkeys(syncs, where)
    config["kafka"] = {
        "bootstrap_servers": [bootstrap],
        "topic_prefix": prefix,
        "partitions": 4,
        "replication_factor": 1,
        "assignor": "range" if kind == "embedded" else "cooperative",
        "session_timeout": "6s",
    }
    path = folder / "hightide.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return load_config(path)
