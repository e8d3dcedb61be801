"""A door in front of the warehouse stand-in: it notes every login and lets in whom it is told to.

    SnowflakeSource -> door (loopback HTTP) -> warehouse stand-in

It is the token endpoint of OAuth as well, and it can be shut: then its port is dead.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ACCESS_TOKEN = "access-token-of-the-door"
Answer = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def login(self) -> dict[str, Any]:
        """What a login request says of who asks."""
        said: dict[str, Any] = json.loads(self.body)["data"]
        return said


def refusal(number: str, text: str = "no") -> Answer:
    """Snowflake's way to refuse a login."""
    said = {"success": False, "code": number, "message": text, "data": {}}
    return 200, json.dumps(said).encode()


def _let_in(_login: dict[str, Any]) -> Answer | None:
    return None


@dataclass(slots=True)
class Door:
    """Where to knock, who knocked, and what is answered instead of the warehouse."""

    warehouse_port: int
    port: int = 0
    logins: list[dict[str, Any]] = field(default_factory=list)
    token_requests: list[Asked] = field(default_factory=list)
    answer_login: Callable[[dict[str, Any]], Answer | None] = _let_in
    token_answer: Answer = (
        200,
        json.dumps({"access_token": ACCESS_TOKEN, "token_type": "Bearer"}).encode(),
    )
    _server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen, on the same port as before."""
        door = self

        class Handler(_Handler):
            def answer(self, asked: Asked) -> Answer:
                return door.answer(self.command, asked)

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def shut(self) -> None:
        """Listen no more. Each request had a connection of its own, so none is left."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, method: str, asked: Asked) -> Answer:
        """Answer a request, mostly by passing it on."""
        if asked.path.startswith("/oauth/"):
            self.token_requests.append(asked)
            return self.token_answer
        if asked.path.startswith("/session/v1/login-request"):
            self.logins.append(asked.login)
            if answer := self.answer_login(asked.login):
                return answer
        warehouse = http.client.HTTPConnection("127.0.0.1", self.warehouse_port, timeout=60)
        warehouse.request(method, asked.path, asked.body, dict(asked.headers))
        with warehouse.getresponse() as response:
            body = response.read()
            if response.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = response.status
        warehouse.close()
        return status, body


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: one connection a request."""

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        ours = {"content-length", "content-encoding", "connection", "transfer-encoding"}
        headers = {n.lower(): v for n, v in self.headers.items() if n.lower() not in ours}
        status, content = self.answer(Asked(self.path, headers, body))
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815  # the library calls it so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Say nothing: the output of a test is its own."""


@contextmanager
def door_to(warehouse_port: int) -> Iterator[Door]:
    """A door that is shut at the end of the context."""
    door = Door(warehouse_port)
    door.open()
    try:
        yield door
    finally:
        door.shut()


def claims(token: str) -> dict[str, Any]:
    """What a JWT says, unproved."""
    part = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said
