"""The broker as a sandbox part: starts, says it is ready, serves until SIGTERM, exits 0."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from connectors.sandbox.broker.choice import Asked
from connectors.sandbox.broker.launch import Running, Wanted, launch
from connectors.sandbox.process import SandboxError

_LOOK_EVERY_SECONDS = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker. Return 0 after SIGTERM, 1 after a sentence on stderr if it cannot go on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(launch(_wanted(arguments), os.environ, stop), stop)
    except SandboxError as error:
        if stop.is_set():
            return 0
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def serve(running: Running, stop: threading.Event) -> None:
    """Print the ready line and stay until `stop` is set; raise SandboxError if the broker dies."""
    _say_ready(running)
    child = running.child
    try:
        while not stop.wait(_LOOK_EVERY_SECONDS):
            if child is not None and child.exit_code is not None:
                raise SandboxError(
                    f"the broker ended by itself (exit code {child.exit_code}); "
                    f"its last words are in {child.log}"
                )
    finally:
        if child is not None:
            child.stop()


def _say_ready(running: Running) -> None:
    ready = {
        "bootstrap": running.bootstrap,
        "kind": running.kind,
        "sentence": running.sentence,
        "pid": str(running.child.pid) if running.child is not None else "",
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _wanted(arguments: Sequence[str] | None) -> Wanted:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox.broker")
    parser.add_argument("--folder", type=Path, required=True, help="data and logs stay here")
    parser.add_argument("--kind", choices=get_args(Asked), default="auto", help="which broker")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    options = parser.parse_args(arguments)
    return Wanted(options.kind, options.folder, options.host, options.port)


if __name__ == "__main__":
    sys.exit(main())
