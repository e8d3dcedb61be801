"""`make bench`: CPU per million rows of each half, on the stand-ins; the worker's own CPU only.

The halves run one after the other as processes of their own, so that their CPU time and peak memory
are theirs alone; the time a process needs to start is measured beside them and taken off. Seconds
of wall clock are not compared with anything: these machines are shared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from worker.operate.demo.stack import MODEL, SYNC, Door, Stack, configure, sandbox

TABLE = "SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
LATENCY_MS = "200"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process used."""

    cpu_seconds: float
    peak_mb: float


def measure(command: Sequence[str], folder: Path, deadline_seconds: float = 900.0) -> Usage:
    """Run a command to its end; RuntimeError when it fails."""
    environment = {**os.environ, "HIGHTIDE_STATE_DIR": str(folder / "state"), "HIGHTIDE_PORT": "0"}
    environment["HIGHTIDE_LOG_LEVEL"] = "warning"
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    # Bounded: a run that hangs is a failure, not a long benchmark.
    watchdog = threading.Timer(deadline_seconds, process.kill)
    watchdog.start()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


async def bench(rows: int, latency_ms: str = LATENCY_MS) -> dict[str, float]:
    """Return the figures for a model of `rows` rows of 19 columns, every one of them new."""
    with tempfile.TemporaryDirectory(prefix="hightide-bench-") as name:
        async with sandbox(Path(name), seed=1) as stack, aiohttp.ClientSession() as session:
            return await _on(stack, Door(stack, session), rows, latency_ms)


async def _on(stack: Stack, door: Door, rows: int, latency_ms: str) -> dict[str, float]:
    config_path = _all_rows(stack)
    await door.warehouse("seed", rows=rows, seed=1)
    await door.iterable("settings", latency_ms=latency_ms)
    hightide = [sys.executable, "-m", "worker"]
    start = await asyncio.to_thread(measure, [*hightide, "example"], stack.folder)
    poll = [*hightide, "poll", "--once", "-c", str(config_path)]
    polled = await asyncio.to_thread(measure, poll, stack.folder)
    deliver = [*hightide, "deliver", "--until-idle", "-c", str(config_path)]
    delivered = await asyncio.to_thread(measure, deliver, stack.folder)
    # With nothing left to do: imports, joining the group, looking around, leaving.
    joined = await asyncio.to_thread(measure, deliver, stack.folder)
    journal = await door.journal("/api/users/bulkUpdate")
    stats = await door.stats()
    millions = rows / 1_000_000
    permitted = 5 * 0.9
    used = (len(journal) - 1) / (journal[-1] - journal[0]) if len(journal) > 1 else 0.0
    return {
        "rows": rows,
        "poll_publish_cpu_s_per_million": _per(polled, start, millions),
        "poll_peak_mb": round(polled.peak_mb, 1),
        "consume_deliver_cpu_s_per_million": _per(delivered, joined, millions),
        "deliver_peak_mb": round(delivered.peak_mb, 1),
        "permitted_rate_share": round(used / permitted, 4),
        "busiest_second": max(stats["busiest_second"].values(), default=0),
        "rate_limited": int(stats["rate_limited"]),
        "start_cpu_s": round(start.cpu_seconds, 2),
        "join_cpu_s": round(joined.cpu_seconds, 2),
    }


def _per(usage: Usage, start: Usage, millions: float) -> float:
    return round((usage.cpu_seconds - start.cpu_seconds) / millions, 1)


def _all_rows(stack: Stack) -> Path:
    """Write the demo's configuration with a model of the whole table, in upsert mode."""
    configure(stack)
    path = stack.folder / "hightide.yaml"
    config = yaml.safe_load(path.read_text())
    config["models"][MODEL]["sql"] = f"SELECT * FROM {TABLE}"  # noqa: S608  # our own constant
    config["syncs"][SYNC]["mode"] = "upsert"
    config["mqr"]["limit"] = 100_000_000
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def main() -> None:
    """Print the figures, as a table or as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--latency", default=LATENCY_MS, help="of the destination, in ms: 200, or 50:500"
    )
    options = parser.parse_args()
    figures = asyncio.run(bench(options.rows, options.latency))
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:40} {value:>12,}")


if __name__ == "__main__":
    main()
