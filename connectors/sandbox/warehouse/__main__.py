"""Run the warehouse: prints `{"url": ..., "host": ..., "port": ...}` when connectors can log in."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from connectors.sandbox.seed.table import DATABASE, SCHEMA, table_exists
from connectors.sandbox.warehouse.admin import DEFAULT_SEED, Admin
from connectors.sandbox.warehouse.engine import Engine
from connectors.sandbox.warehouse.faults import FaultSwitches
from connectors.sandbox.warehouse.protocol import Protocol

_SHUTDOWN_SECONDS = 3


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, then close the databases and return 0."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    engine = Engine(options.folder)
    # Both exist from the start, so that a worker that comes before the seed finds its place.
    engine.snow.connect(DATABASE, SCHEMA).close()
    protocol = Protocol(engine, FaultSwitches(), options.chunk_rows, options.password)
    admin = Admin(engine, protocol)
    with engine.cursor() as cursor:
        absent = not table_exists(cursor)
    if options.rows is not None and absent:
        admin.seed_now(options.rows, options.seed)
    application = Starlette(routes=[*protocol.routes(), *admin.routes()])
    _serve(application, options.bind, options.port)
    engine.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="warehouse", description=__doc__)
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--folder", type=Path, required=True, help="where the databases are kept")
    parser.add_argument("--chunk-rows", type=int, default=10_000, help="rows per result chunk")
    parser.add_argument("--password", help="refuse password logins with any other one")
    parser.add_argument("--rows", type=int, help="seed that many rows when the table is absent")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="same seed, same rows")
    return parser


class _Server(uvicorn.Server):
    """Says on stdout that it can be used, once it can."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        ready = {"url": f"http://{host}:{port}", "host": host, "port": str(port)}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()


def _serve(application: Starlette, bind: str, port: int) -> None:
    # uvicorn raises the signal again after its shutdown; by then it has been obeyed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    with socket.create_server((bind, port)) as listener:
        _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
