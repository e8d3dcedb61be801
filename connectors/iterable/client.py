"""One HTTP call to Iterable: bounded in time and bytes, never redirected, never quoted in an error.

aiohttp would carry the API key along a redirect, so none is followed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from connectors.errors import RetryableError

MAX_REPLY_BYTES = 16 * 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_read=45)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever it is."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


class IterableClient:
    """A session with one Iterable project. `api_key` is asked for at each call: keys rotate."""

    def __init__(self, base_url: str, api_key: Callable[[], str]) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: bytes) -> Reply:
        """Make one call; RetryableError when no complete answer came."""
        return await self._call("POST", path, body)

    async def get(self, path: str) -> Reply:
        """Make one call; RetryableError when no complete answer came."""
        return await self._call("GET", path, None)

    async def _call(self, method: str, path: str, body: bytes | None) -> Reply:
        headers = {"Api-Key": self._api_key(), "Content-Type": "application/json"}
        try:
            async with self._open().request(
                method,
                self._base_url + path,
                data=None if body is None else io.BytesIO(body),  # written in pieces
                headers=headers,
                allow_redirects=False,
            ) as response:
                reply = await response.content.read(MAX_REPLY_BYTES)
                while not response.content.at_eof() and len(reply) < MAX_REPLY_BYTES:
                    reply += await response.content.read(MAX_REPLY_BYTES - len(reply))
                return Reply(response.status, reply, _seconds(response.headers.get("Retry-After")))
        except TimeoutError:
            raise RetryableError(
                f"Iterable at {self._base_url} did not answer in time", kind="timeout"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RetryableError(
                f"Iterable at {self._base_url} is not reachable ({type(error).__name__})",
                kind="network",
            ) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT,
                trust_env=False,
                connector=aiohttp.TCPConnector(limit=16),
                headers={"User-Agent": "hightide"},
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else min(600.0, max(0.0, float(value)))
    except ValueError:
        return None
