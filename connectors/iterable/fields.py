"""The fields a project has, each with the type its first value gave it."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.errors import RetryableError
from connectors.iterable.answers import check
from connectors.iterable.client import IterableClient

PATH = "/api/users/getFields"
PUBLISHED_CALLS_PER_SECOND = 3.0


class IterableFields:
    """The types of user fields in one project."""

    def __init__(self, client: IterableClient) -> None:
        self._client = client

    async def types(self) -> Mapping[str, str]:
        """Return type by field name, nested ones with dots; of an array, that of its elements.

        Raises RetryableError or ConfigurationError when they can't be had.
        """
        fields = check(await self._client.get(PATH)).get("fields")
        if not isinstance(fields, dict):
            raise RetryableError("Iterable named no fields", kind="unreadable")
        return {name: kind for name, kind in fields.items() if isinstance(kind, str)}

    async def close(self) -> None:
        await self._client.close()
