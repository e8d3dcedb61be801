"""The sandbox on a socket: reads a call, asks the door, notes it down, waits as told, answers."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import cast

import orjson
from aiohttp import web

from connectors.sandbox.iterable import admin, replies
from connectors.sandbox.iterable.calls import Answer, Call
from connectors.sandbox.iterable.clock import SteadyClock
from connectors.sandbox.iterable.door import Door
from connectors.sandbox.iterable.faults import Fault, FaultKind
from connectors.sandbox.iterable.journal import NO_ANSWER, Journal, RowMark, marks_of
from connectors.sandbox.iterable.options import Options
from connectors.sandbox.iterable.routes import ROUTES

_KEY_HEADERS = ("Api-Key", "Api_Key")  # header names know no case
_NO_SIZE_LIMIT = 0  # the door has its own; planting a million profiles has none
_SHUTDOWN_SECONDS = 0.5
_CUT = frozenset({FaultKind.CUT_AFTER_APPLY, FaultKind.CUT_BEFORE_APPLY})


@dataclass(slots=True)
class _Visit:
    """One call while it is being served."""

    arrived_at_seconds: float
    method: str
    endpoint: str
    call: Call
    fault: Fault | None = None


class IterableSandbox:
    """An Iterable project that listens on a local port."""

    def __init__(self, options: Options | None = None) -> None:
        # Settings are turned while it runs: a copy keeps two sandboxes of one Options apart.
        given = options or Options()
        self.options = replace(given, settings=replace(given.settings))
        clock = SteadyClock()
        self._now: Callable[[], float] = clock.now
        self.door = Door(self.options, clock.now)
        self.journal = Journal()
        self._dice = random.Random(self.options.seed)
        self._ids = random.Random(self.options.seed)
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen, and return the URL under which the sandbox can be used from now on."""
        app = web.Application(client_max_size=_NO_SIZE_LIMIT)
        admin.register(app, self.door, self.journal)
        for route in ROUTES:
            method, _, path = route.partition(" ")
            app.router.add_route(method, path, self._endpoint(route, path))
        app.router.add_route("*", "/{unknown:.*}", self._unknown)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        site = web.TCPSite(runner, self.options.host, self.options.port)
        await site.start()
        self._runner = runner
        return f"http://{self.options.host}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening; calls that wait on a latency or a fault are dropped."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _endpoint(
        self, route: str, path: str
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, path, request)

        return serve

    async def _serve(self, route: str, path: str, request: web.Request) -> web.StreamResponse:
        arrived_at_seconds = self._now()
        key = next((request.headers[name] for name in _KEY_HEADERS if name in request.headers), "")
        refusal = self.door.turn_away(route, key, request.remote or "", arrived_at_seconds)
        fault = None if refusal else self.door.faults.take(path)
        body = await request.read()  # also of a refused call: the connection stays usable
        call = Call(path, request.match_info, _query(request), body)
        visit = _Visit(arrived_at_seconds, request.method, path, call, fault)
        marks = marks_of(_rows_of(body)) if self.options.journal_rows and not refusal else ()
        answer = refusal or self.door.answer(route, call, fault)
        self._note(visit, answer, marks)
        await self._wait(fault)
        return await self._send(request, answer, fault)

    def _note(self, visit: _Visit, answer: Answer, marks: tuple[RowMark, ...]) -> None:
        fault = visit.fault
        status = NO_ANSWER if fault and fault.kind in _CUT else answer.status
        rows = len(visit.call.rows)
        self.journal.write(
            visit.arrived_at_seconds,
            visit.method,
            visit.endpoint,
            status,
            rows=rows,
            fault=fault.kind if fault else None,
            marks=marks[:rows],
        )

    async def _wait(self, fault: Fault | None) -> None:
        low, high = self.door.project.settings.latency_ms
        seconds = self._dice.uniform(low, high) / 1000 if high else 0.0
        if fault is not None and fault.kind == FaultKind.SLOW:
            seconds += fault.seconds
        if seconds:
            await asyncio.sleep(seconds)  # noqa: TID251 - the wait of a stand-in is real

    async def _send(
        self, request: web.Request, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is not None and fault.kind in _CUT:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(answer.body, bytes):
            if fault is not None and fault.kind == FaultKind.SLOW_BODY:
                return await _drip(request, answer, answer.body, fault.seconds)
            headers = {"Iterable-Request-Id": str(uuid.UUID(int=self._ids.getrandbits(128)))}
            if answer.status == 302:
                headers["Location"] = _elsewhere(request, fault)
            return web.Response(
                status=answer.status,
                body=answer.body,
                content_type=answer.content_type,
                headers=headers,
            )
        response = web.StreamResponse(status=answer.status)
        response.content_type = answer.content_type
        await response.prepare(request)
        for chunk in answer.body:
            await response.write(chunk)
            await asyncio.sleep(0)  # noqa: TID251 - other calls get their turn between chunks
        return response

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        arrived_at_seconds = self._now()
        await request.read()
        self.journal.write(arrived_at_seconds, request.method, request.path, 404)
        return await self._send(request, replies.not_found(), None)


async def _drip(
    request: web.Request, answer: Answer, body: bytes, seconds: float
) -> web.StreamResponse:
    """Send the headers and half the body at once, and the rest after `seconds`."""
    response = web.StreamResponse(status=answer.status)
    response.content_type = answer.content_type
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(seconds)  # noqa: TID251 - the wait of a stand-in is real
    await response.write(body[len(body) // 2 :])
    return response


def _elsewhere(request: web.Request, fault: Fault | None) -> str:
    """Another host name that leads here too, so that a client that follows is seen to do so."""
    if fault is not None and fault.location:
        return fault.location
    return str(request.url.with_host("localhost"))


def _query(request: web.Request) -> dict[str, str]:
    """The query, a name that is given several times joined by commas."""
    query = request.rel_url.query
    return {name: ",".join(query.getall(name)) for name in query}


def _rows_of(body: bytes) -> list[object]:
    """The rows of a body as they were sent: checks turn dates into another form in place."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(value, dict):
        return []
    for name in ("users", "events", "subscribers"):
        if isinstance(value.get(name), list):
            return cast("list[object]", value[name])
    return [value]
