"""Run the Iterable sandbox: prints its URL and key as one line of JSON, serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Sequence

from connectors.sandbox.iterable.options import Options, ProjectType, Settings, latency_range
from connectors.sandbox.iterable.server import IterableSandbox

# Profiles are long-lived and hold no cycles: a collection finds nothing, it only takes time.
_GC_THRESHOLDS = (50_000, 50, 1_000)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the sandbox and serve until SIGTERM or SIGINT."""
    gc.set_threshold(*_GC_THRESHOLDS)
    asyncio.run(_serve(_options(arguments)))


def _options(arguments: Sequence[str] | None) -> Options:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox.iterable")
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 means any free port")
    add("--host", default=defaults.host)
    add("--api-key", default=defaults.api_key)
    add("--project-type", type=ProjectType, choices=list(ProjectType), default=ProjectType.EMAIL)
    add("--limits", action=argparse.BooleanOptionalAction, default=True, help="hold rate limits")
    add("--limit-scale", type=float, default=1.0, help="2 doubles every rate limit")
    add("--latency-ms", type=latency_range, default=(5.0, 20.0), metavar="LOW:HIGH")
    add("--apply-delay-seconds", type=float, default=0.0, help="writes are read this much later")
    add("--seed", type=int, default=1)
    add("--journal-rows", action="store_true", help="note each row's identifiers and digest")
    chosen = parser.parse_args(arguments)
    settings = Settings()
    settings.turn(
        {
            "latency_ms": list(chosen.latency_ms),
            "limits_enabled": chosen.limits,
            "limit_scale": chosen.limit_scale,
            "apply_delay_seconds": chosen.apply_delay_seconds,
        }
    )
    return Options(
        port=chosen.port,
        host=chosen.host,
        api_key=chosen.api_key,
        project_type=chosen.project_type,
        settings=settings,
        seed=chosen.seed,
        journal_rows=chosen.journal_rows,
    )


async def _serve(options: Options) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sandbox = IterableSandbox(options)
    url = await sandbox.start()
    sys.stdout.write(json.dumps({"url": url, "api_key": options.api_key}) + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await sandbox.stop()


if __name__ == "__main__":
    main()
