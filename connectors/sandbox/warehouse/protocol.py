"""The routes a Snowflake connector talks to: sessions, statements, results."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connectors.sandbox.warehouse import messages
from connectors.sandbox.warehouse.bindings import to_parameters
from connectors.sandbox.warehouse.engine import Engine
from connectors.sandbox.warehouse.errors import canceled, to_statement_error
from connectors.sandbox.warehouse.faults import FaultSwitches
from connectors.sandbox.warehouse.results import NewestResults, Result
from connectors.sandbox.warehouse.sessions import Session, Sessions


@dataclass(slots=True)
class Protocol:
    """One warehouse as connectors see it. A password is checked only when one is set."""

    engine: Engine
    faults: FaultSwitches
    chunk_rows: int
    password: str | None = None
    logins: int = 0
    last_login: dict[str, Any] = field(default_factory=dict)
    sessions: Sessions = field(init=False)
    results: NewestResults[Result] = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.engine.snow)
        self.results = NewestResults(lambda result: result.row_count)

    def routes(self) -> list[Route]:
        post, get = ["POST"], ["GET"]
        return [
            Route("/session/v1/login-request", self.log_in, methods=post),
            Route("/session/token-request", self.renew, methods=post),
            Route("/session/heartbeat", self.heartbeat, methods=post),
            Route("/session", self.end_or_touch, methods=post),
            Route("/queries/v1/query-request", self.query, methods=post),
            Route("/queries/v1/abort-request", self.abort, methods=post),
            Route("/queries/{query_id}/abort-request", self.abort, methods=post),
            Route("/queries/{query_id}/result", self.result, methods=get),
            # Connector 5.2 asks with two slashes.
            Route("/monitoring/queries//{query_id}", self.monitor, methods=get),
            Route("/monitoring/queries/{query_id}", self.monitor, methods=get),
            Route("/telemetry/send", self.telemetry, methods=post),
            Route("/chunks/{query_id}/{offset:int}/{rows:int}", self.chunk, methods=get),
        ]

    async def log_in(self, request: Request) -> Response:
        if self.faults.strikes("login_503"):
            return _busy()
        data = (await messages.read_json(request))["data"]
        asked = request.query_params
        if self._wrong_password(data):
            text = "Incorrect username or password was specified."
            return messages.failure("390100", text)
        parameters = data.get("SESSION_PARAMETERS") or {}
        session, tokens = await run_in_threadpool(
            self.sessions.open,
            _identifier(asked.get("databaseName")),
            _identifier(asked.get("schemaName")),
            autocommit=str(parameters.get("AUTOCOMMIT", True)).lower() != "false",
        )
        context = {"warehouse": asked.get("warehouse"), "role": asked.get("roleName")}
        self.logins += 1
        self.last_login = {
            "user": data.get("LOGIN_NAME"),
            "authenticator": data.get("AUTHENTICATOR"),
            "session_parameters": parameters,
            **context,
        }
        return messages.login(session, tokens, context)

    def _wrong_password(self, data: dict[str, Any]) -> bool:
        if self.password is None or data.get("AUTHENTICATOR") not in {None, "", "SNOWFLAKE"}:
            return False  # a key pair or a token is taken as it is
        given = str(data.get("PASSWORD") or "")
        return not hmac.compare_digest(given.encode(), self.password.encode())

    async def renew(self, request: Request) -> Response:
        master = messages.token_of(request)
        if self.faults.strikes("master_expired"):
            self.sessions.expire_master(master)
        renewed = self.sessions.renew(master)
        if renewed is None:
            text = "Authentication token has expired.  The user must authenticate again."
            return messages.failure("390114", text)
        return messages.renewed(*renewed, master)

    async def heartbeat(self, request: Request) -> Response:
        if self.sessions.find(messages.token_of(request)) is None:
            return _session_expired()
        return messages.success()

    async def end_or_touch(self, request: Request) -> Response:
        if request.query_params.get("delete"):
            self.sessions.close(messages.token_of(request))
            return messages.success()
        return await self.heartbeat(request)

    async def query(self, request: Request) -> Response:
        self.engine.counts.queries += 1
        if self.faults.strikes("query_503"):
            return _busy()
        token = messages.token_of(request)
        if self.faults.strikes("session_expired"):
            self.sessions.expire(token)
        session = self.sessions.find(token)
        if session is None:
            return _session_expired()
        body = await messages.read_json(request)
        try:
            return await self._answer(session, body, str(request.base_url))
        except Exception as error:  # noqa: BLE001 (HTTP 500 would be retried for minutes)
            return messages.statement_failure(to_statement_error(error), str(uuid.uuid4()))

    async def _answer(self, session: Session, body: dict[str, Any], base_url: str) -> Response:
        async with session.lock:
            session.canceled.clear()
            await self._stall(session)
            result = await run_in_threadpool(
                self.engine.run,
                session,
                body["sqlText"],
                to_parameters(body.get("bindings")),
                describe_only=bool(body.get("describeOnly")),
            )
        self.results[result.query_id] = result
        return await run_in_threadpool(
            messages.query_answer, result, self.chunk_rows, f"{base_url}chunks"
        )

    async def _stall(self, session: Session) -> None:
        seconds = self.faults.take_stall_seconds()
        if not seconds:
            return
        try:
            await asyncio.wait_for(session.canceled.wait(), seconds)
        except TimeoutError:
            return
        raise canceled()

    async def abort(self, request: Request) -> Response:
        session = self.sessions.find(messages.token_of(request))
        if session is not None:
            session.cancel()
        return messages.success()

    async def result(self, request: Request) -> Response:
        result = self.results.get(request.path_params["query_id"])
        if result is None:
            return messages.failure("000709", "Statement not found")
        address = f"{request.base_url}chunks"
        return await run_in_threadpool(messages.query_answer, result, self.chunk_rows, address)

    async def monitor(self, request: Request) -> Response:
        query_id = request.path_params["query_id"]
        states = [{"id": query_id, "status": "SUCCESS", "state": "SUCCEEDED"}]
        return messages.success({"queries": states if query_id in self.results else []})

    async def telemetry(self, _request: Request) -> Response:
        return messages.success()

    async def chunk(self, request: Request) -> Response:
        if self.faults.strikes("chunk_503"):
            return _busy()
        result = self.results.get(request.path_params["query_id"])
        if result is None:
            return Response("this result is gone; newer ones took its place", 403)
        offset, rows = request.path_params["offset"], request.path_params["rows"]
        content = await run_in_threadpool(result.gzipped_arrow, offset, rows)
        answer = CutResponse if self.faults.cuts_off(offset) else Response
        return answer(content, headers={"content-encoding": "gzip"})


class CutResponse(Response):
    """Announces the whole body and ends the connection after half of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = {"headers": self.raw_headers, "status": self.status_code}
        await send({"type": "http.response.start", **headers})
        half = bytes(self.body)[: len(self.body) // 2]
        # Returning with more to come is what makes the server close the connection.
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _busy() -> Response:
    return Response("busy", 503)


def _session_expired() -> Response:
    return messages.failure("390112", "Your session has expired. Please login again.")


def _identifier(name: str | None) -> str | None:
    if name and name.startswith('"') and name.endswith('"'):
        return name[1:-1]
    return name.upper() if name else None
