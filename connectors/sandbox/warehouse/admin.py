"""The routes of the sandbox itself, `/_sandbox/...`: fill the table, rebuild it, make it fail."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import duckdb
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.seed import BuildShares, SeedReport, build, seed, trickle
from connectors.sandbox.warehouse.engine import MODEL_TABLE, Engine
from connectors.sandbox.warehouse.messages import read_json
from connectors.sandbox.warehouse.protocol import Protocol

DEFAULT_SEED = 1
Change = Callable[[duckdb.DuckDBPyConnection], SeedReport]


class Admin:
    """What tests and the demo may do to the warehouse from outside."""

    def __init__(self, engine: Engine, protocol: Protocol) -> None:
        self._engine = engine
        self._protocol = protocol
        self._now = engine.clock.now
        # Without a seed each change draws other rows, the same ones in every run.
        self._seeds = itertools.count(DEFAULT_SEED)

    def routes(self) -> list[Route]:
        return [
            Route("/_sandbox/seed", self.seed, methods=["POST"]),
            Route("/_sandbox/build", self.build, methods=["POST"]),
            Route("/_sandbox/trickle", self.trickle, methods=["POST"]),
            Route("/_sandbox/faults", self.faults, methods=["GET", "POST"]),
            Route("/_sandbox/settings", self.settings, methods=["GET", "POST"]),
            Route("/_sandbox/stats", self.stats, methods=["GET"]),
        ]

    def seed_now(self, rows: int, seed_number: int) -> SeedReport:
        """Replace the table by `rows` new ones."""
        return self._change(
            lambda cursor: seed(cursor, rows=rows, seed_number=seed_number, now=self._now)
        )

    async def seed(self, request: Request) -> Response:
        asked = await read_json(request)
        return await _answer(
            lambda: self.seed_now(int(asked["rows"]), int(asked.get("seed", DEFAULT_SEED)))
        )

    async def build(self, request: Request) -> Response:
        asked = await read_json(request)
        number = self._seed_of(asked.pop("seed", None))
        return await _answer(
            lambda: self._change(
                lambda cursor: build(cursor, number, BuildShares(**asked), now=self._now)
            )
        )

    async def trickle(self, request: Request) -> Response:
        asked = await read_json(request)
        number = self._seed_of(asked.get("seed"))

        def change(cursor: duckdb.DuckDBPyConnection) -> SeedReport:
            return trickle(cursor, rows=int(asked["rows"]), seed_number=number, now=self._now)

        return await _answer(lambda: self._change(change))

    def _seed_of(self, asked: object) -> int:
        return next(self._seeds) if asked is None else int(str(asked))

    def _change(self, change: Change) -> SeedReport:
        """One change of the table at a time; its change token moves after it."""
        with self._engine.write_lock, self._engine.cursor() as cursor:
            report = change(cursor)
        self._engine.tokens.move([MODEL_TABLE])
        self._engine.reclaim()
        return report

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._protocol.faults.set(await read_json(request))
            except ValueError as error:
                return _refused(error)
        return JSONResponse(self._protocol.faults.left())

    async def settings(self, request: Request) -> Response:
        """Move the clock, or cut results that are still to come into other chunks."""
        engine, protocol = self._engine, self._protocol
        if request.method == "POST":
            asked = await read_json(request)
            try:
                ahead = int(asked.pop("clock_ahead_seconds", engine.clock.ahead_seconds))
                rows = int(asked.pop("chunk_rows", protocol.chunk_rows))
                if asked or rows < 1:
                    raise ValueError("there are clock_ahead_seconds, and chunk_rows above 0")
            except (TypeError, ValueError) as error:
                return _refused(error)
            engine.clock.ahead_seconds, protocol.chunk_rows = ahead, rows
        found = {"clock_ahead_seconds": engine.clock.ahead_seconds}
        return JSONResponse(found | {"chunk_rows": protocol.chunk_rows})

    async def stats(self, _request: Request) -> Response:
        counts = dataclasses.asdict(self._engine.counts)
        protocol = self._protocol
        return JSONResponse(
            counts
            | {
                "logins": protocol.logins,
                "sessions": len(protocol.sessions),
                "last_login": protocol.last_login,
            }
        )


async def _answer(change: Callable[[], SeedReport]) -> Response:
    try:
        report = await run_in_threadpool(change)
    except (KeyError, TypeError, ValueError) as error:
        return _refused(error)
    return JSONResponse(dataclasses.asdict(report))


def _refused(error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
