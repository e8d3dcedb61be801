"""The static list of a name: found, or made where there is none yet.

Names are not unique in Iterable, and several processes may find that a list is missing. Each makes
one and looks again, until it sees its own; the lowest id is the list they all use:

    A makes 7, B makes 8   →   both see 7 and 8   →   both use 7, and B removes its 8

Nothing is sent to a list before that is settled, so what is removed is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import orjson

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RefusedError,
    RetryableError,
    TooLargeError,
)
from connectors.iterable.answers import check
from connectors.iterable.client import IterableClient, Reply

PATH = "/api/lists"
# For about this long a new list may be answered as unknown, or not be shown.
YOUNG_SECONDS = 60.0


class StaticList:
    """The id of a list, looked up when it is first needed. `makes` permits to make the list."""

    def __init__(
        self, client: IterableClient, name: str, *, makes: bool, now: Callable[[], float]
    ) -> None:
        self._client = client
        self._name = name
        self._makes = makes
        self._now = now
        self._id: int | None = None
        self._made: int | None = None
        self._made_at = 0.0
        self._looking = asyncio.Lock()

    async def id(self) -> int:
        """Return the list's id.

        Raises ConfigurationError when there is no such list and none may be made, RetryableError
        while it is not settled which list is the one.
        """
        async with self._looking:
            if self._id is None:
                self._id = await self._find()
            return self._id

    async def probe(self) -> None:
        """Return when the list is there or may be made; change nothing."""
        if not await self._ids() and not self._makes:
            raise self._absent()

    def lost(self, list_id: int) -> ConnectorError:
        """Return the error for a list id that Iterable said it does not know.

        A list we just made will be known in a while. Any other is looked up by its name at the next
        call and not made again: an empty list would look as if it held everyone.
        """
        if list_id == self._made and self._is_young():
            return RetryableError("Iterable does not know the new list yet", kind="list_young")
        self._makes = False
        self._made = None
        if self._id == list_id:
            self._id = None
        return self._absent()

    async def _find(self) -> int:
        found = await self._ids()
        if not found and self._made is None:
            if not self._makes:
                raise self._absent()
            self._made = await self._make()
            self._made_at = self._now()
            found = await self._ids()
        return min(found) if self._made is None else await self._settle(self._made, found)

    async def _settle(self, made: int, found: list[int]) -> int:
        """Return which of the lists is the one, now that we made one of them."""
        if made not in found:
            if self._is_young():
                raise RetryableError("Iterable does not show the new list yet", kind="list_young")
            return min([made, *found])
        if (first := min(found)) != made:
            # If it stays there it is empty and has no part in anything.
            with contextlib.suppress(ConnectorError):
                check(await self._client.delete(f"{PATH}/{made}"))
            self._made = None
        return first

    def _is_young(self) -> bool:
        return self._now() - self._made_at < YOUNG_SECONDS

    def _absent(self) -> ConfigurationError:
        return ConfigurationError(
            f"Iterable has no static list {self._name!r}: make it there; if it was removed, replay "
            "the sync then, so that everyone is on it",
            kind="unknown_list",
        )

    async def _ids(self) -> list[int]:
        """Return the ids of the static lists that have the name."""
        lists = _answer(await self._client.get(PATH)).get("lists")
        if not isinstance(lists, list):  # else each such answer would make a list
            raise _unreadable()
        return [
            one["id"]
            for one in lists
            if isinstance(one, dict)
            and one.get("name") == self._name
            and one.get("listType") == "Standard"
            and type(one.get("id")) is int
        ]

    async def _make(self) -> int:
        made = _answer(await self._client.post(PATH, orjson.dumps({"name": self._name})))
        list_id = made.get("listId")
        if not isinstance(list_id, int) or isinstance(list_id, bool):
            raise _unreadable()
        return list_id


def _answer(reply: Reply) -> Mapping[str, object]:
    try:
        return check(reply)
    except (RefusedError, TooLargeError):
        # No row is at fault: a refusal would set all of them aside.
        raise ConfigurationError(
            "Iterable refused to show or to make the list: check its name", kind="unknown_list"
        ) from None


def _unreadable() -> RetryableError:
    return RetryableError("Iterable answered with something that is no list", kind="unreadable")
