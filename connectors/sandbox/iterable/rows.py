"""One user row of a call, read once: identifiers, flags, and dataFields with the reserved ones out.

Reserved fields are dropped in silence. `email` and `userId` inside dataFields are not fields but
identifiers: they rename or set, by the rules of the project type.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.sandbox.iterable.calls import JsonObject

RESERVED = frozenset(
    {
        "emailListIds",
        "userListIds",
        "itblInternal",
        "itblDS",
        "itblUserId",
        "profileUpdatedAt",
        "signupSource",
        "devices",
        "subscribedMessageTypeIds",
        "unsubscribedChannelIds",
        "unsubscribedMessageTypeIds",
    }
)
_SPECIAL = RESERVED | {"email", "userId"}
MAX_TEXT_CHARACTERS = 32_766


class UserRow:
    """What one row asks for. `new_email` and `new_user_id` stood inside dataFields."""

    __slots__ = (
        "data",
        "email",
        "encoded",
        "merge",
        "new_email",
        "new_user_id",
        "prefer_user_id",
        "user_id",
    )

    def __init__(self, row: JsonObject) -> None:
        self.email: str | None = row.get("email")
        self.user_id: str | None = row.get("userId")
        self.prefer_user_id = bool(row.get("preferUserId"))
        self.merge = bool(row.get("mergeNestedObjects"))
        self.new_email: Any = None
        self.new_user_id: Any = None
        data: JsonObject = row.get("dataFields") or {}
        if not _SPECIAL.isdisjoint(data):
            self.new_email = data.get("email")
            self.new_user_id = data.get("userId")
            data = {name: value for name, value in data.items() if name not in _SPECIAL}
        self.data = data
        self.encoded: bytes | None = None

    def encode(self) -> bytes:
        """The data as JSON; made once, after the type check has brought the dates into form."""
        if self.encoded is None:
            self.encoded = orjson.dumps(self.data)
        return self.encoded

    def is_oversized(self) -> bool:
        """Whether a text of more than 32,766 characters stands anywhere in the data."""
        return len(self.encode()) > MAX_TEXT_CHARACTERS and _has_oversized_text(self.data)


def _has_oversized_text(value: object) -> bool:
    match value:
        case str():
            return len(value) > MAX_TEXT_CHARACTERS
        case dict():
            return any(_has_oversized_text(inner) for inner in value.values())
        case list():
            return any(_has_oversized_text(inner) for inner in value)
        case _:
            return False
