"""One HTTP call to Iterable: bounded in time and bytes, never redirected, never quoted in an error.

aiohttp would carry the API key along a redirect, so none is followed. What is read is counted after
it was unpacked: 1 MB on the wire may be 1 GB of zeros.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from connectors.errors import RetryableError

# Of a refused call Iterable may echo all 3.5 MB, each quotation mark as two characters.
MAX_REPLY_BYTES = 8 * 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_read=45)
# The whole of a stream may take as long as it likes, no piece of it may.
STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=45)
PIECE_BYTES = 64 * 1024
MAX_CONNECTIONS = 64
# Look-ups run side by side, and wait for each other: a bulk call always finds a connection.
MAX_READS = 48

_FAILURES = (aiohttp.ClientError, OSError)  # a timeout is an OSError
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever it is. The body is empty when it was longer than what is read.

    `request_id` is by what Iterable's own people find the call again.
    """

    status: int
    body: bytes
    retry_after_seconds: float | None = None
    request_id: str | None = None


class IterableClient:
    """A session with one Iterable project. `api_key` is asked for at each call: keys rotate."""

    def __init__(self, base_url: str, api_key: Callable[[], str]) -> None:
        self._base_url = base_url.rstrip("/")
        parts = urlsplit(base_url)
        # Without what may be a secret: a user's name and password, a path, a query.
        self._place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._api_key = api_key
        self._session: aiohttp.ClientSession | None = None
        self._reads = asyncio.Semaphore(MAX_READS)

    async def post(self, path: str, body: bytes) -> Reply:
        """Make one call; RetryableError when no complete answer came."""
        return await self._call("POST", path, body)

    async def get(self, path: str) -> Reply:
        """Make one call; RetryableError when no complete answer came."""
        return await self._call("GET", path, None)

    async def delete(self, path: str) -> Reply:
        """Make one call; RetryableError when no complete answer came."""
        return await self._call("DELETE", path, None)

    async def stream(self, path: str) -> AsyncIterator[Reply]:
        """Yield an answer of any length in pieces, each with the status.

        RetryableError when it breaks off: then the pieces are not the whole.
        """
        try:
            async with self._open().get(
                self._base_url + path,
                headers=self._headers(),
                allow_redirects=False,
                timeout=STREAM_TIMEOUT,
            ) as response:
                wait = _seconds(response.headers.get("Retry-After"))
                yield Reply(response.status, b"", wait)
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    yield Reply(response.status, piece, wait)
        except _FAILURES as error:
            failed = self._failed(error)
        else:
            return
        raise failed

    async def _call(self, method: str, path: str, body: bytes | None) -> Reply:
        try:
            return await self._exchange(method, path, body)
        except _FAILURES as error:
            failed = self._failed(error)
        # Raised out here: in the handler it would carry along the error, which holds the key.
        raise failed

    async def _exchange(self, method: str, path: str, body: bytes | None) -> Reply:
        turn: AbstractAsyncContextManager[None] = self._reads if body is None else nullcontext()
        async with (
            turn,
            self._open().request(
                method,
                self._base_url + path,
                data=None if body is None else io.BytesIO(body),  # written in pieces
                headers=self._headers(),
                allow_redirects=False,
            ) as response,
        ):
            return Reply(
                response.status,
                await _bounded(response.content),
                _seconds(response.headers.get("Retry-After")),
                _token(response.headers.get("Iterable-Request-Id")),
            )

    def _headers(self) -> dict[str, str]:
        return {"Api-Key": self._api_key(), "Content-Type": "application/json"}

    def _failed(self, error: BaseException) -> RetryableError:
        if isinstance(error, TimeoutError):
            return RetryableError(
                f"Iterable at {self._place} did not answer in time", kind="timeout"
            )
        return RetryableError(
            f"Iterable at {self._place} is not reachable ({type(error).__name__})",
            kind="network",
        )

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT,
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "hightide"},
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """Return the whole body, or nothing of one that is too long: half of it could be mistaken."""
    pieces, size = [], 0
    while piece := await content.readany():
        size += len(piece)
        if size > MAX_REPLY_BYTES:
            return b""
        pieces.append(piece)
    return b"".join(pieces)


def _token(value: str | None) -> str | None:
    return value if value is not None and _TOKEN.fullmatch(value) else None


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else min(600.0, max(0.0, float(value)))
    except ValueError:
        return None
