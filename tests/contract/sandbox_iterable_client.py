"""A caller of the Iterable sandbox for the contract tests."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

KEY = {"Api-Key": "sandbox-key"}


class Client:
    """A caller with the good key; each call gives status and body."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(
            method,
            self.url + path,
            data=data,
            headers=KEY if headers is None else headers,
            allow_redirects=False,
        ) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, orjson.loads(raw) if is_json else raw.decode()

    async def lines(self, path: str) -> list[Any]:
        """Read NDJSON without a key."""
        _, text = await self.call("GET", path, headers={})
        return [orjson.loads(line) for line in text.splitlines()]

    async def exists(self) -> bool:
        """Whether a@x.com has a profile, asked where no fault can hit."""
        return bool(await self.lines("/_sandbox/profiles"))
