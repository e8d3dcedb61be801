"""Schema ids from a Confluent-compatible registry (Confluent, Karapace, Apicurio's ccompat)."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from connectors.errors import ConfigurationError, RetryableError

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)


class ConfluentSchemas:
    """The Schemas port on a registry's REST API; ids are kept once known."""

    def __init__(self, url: str, username: str | None, password: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": CONTENT_TYPE}
        if username:
            credentials = aiohttp.encode_basic_auth(username, password, encoding="utf-8")
            self._headers["Authorization"] = credentials
        self._ids: dict[tuple[str, str], int] = {}
        self._known: dict[int, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def register(self, subject: str, schema: str) -> int:
        """Return the id of `schema` under `subject`.

        Raises ConfigurationError when the registry finds it incompatible with earlier ones.
        """
        if (subject, schema) not in self._ids:
            body = orjson.dumps({"schema": schema})
            status, found = await self._call("POST", f"/subjects/{subject}/versions", body)
            if status == 409:
                raise ConfigurationError(
                    f"the schema registry at {self._url} refuses the new schema of {subject} as "
                    "incompatible: a column changed its type; map a new column instead",
                    kind="schema_incompatible",
                )
            self._ids[subject, schema] = int(self._field(found, "id", status))
        return self._ids[subject, schema]

    async def by_id(self, schema_id: int) -> str | None:
        """Return the schema text, or None when the registry does not know the id."""
        if schema_id not in self._known:
            status, found = await self._call("GET", f"/schemas/ids/{schema_id}", None)
            if status == 404:
                return None
            self._known[schema_id] = str(self._field(found, "schema", status))
        return self._known[schema_id]

    async def _call(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, headers=self._headers)
        try:
            async with self._session.request(
                method, self._url + path, data=body, allow_redirects=False
            ) as response:
                status, text = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RetryableError(
                f"the schema registry at {self._url} is not reachable ({type(error).__name__})",
                kind="registry_unavailable",
            ) from None
        if status in {401, 403}:
            raise ConfigurationError(
                f"the schema registry at {self._url} refused the credentials ({status}): check "
                "kafka.schema_registry",
                kind="registry_credentials",
            )
        if status == 429 or status >= 500:
            raise RetryableError(
                f"the schema registry at {self._url} answered {status}", kind="registry_unavailable"
            )
        try:
            return status, orjson.loads(text)
        except orjson.JSONDecodeError:
            return status, None

    def _field(self, found: Any, name: str, status: int) -> Any:
        if status != 200 or not isinstance(found, dict) or name not in found:
            raise ConfigurationError(
                f"the schema registry at {self._url} answered {status} without {name!r}: check "
                "kafka.schema_registry.url",
                kind="registry_answer",
            )
        return found[name]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
