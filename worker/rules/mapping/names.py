"""The names of fields: which are Iterable's own, which say a place in an object."""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST_NAME = 255

# Iterable's own system fields: writing them breaks subscriptions or is ignored silently.
RESERVED_FIELDS = frozenset(
    {
        "email",
        "userId",
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
# Lists of ids, like the three of them above that are known by name.
_SUBSCRIPTIONS = re.compile(r"(?:un)?subscribed\w*Ids")


def is_reserved(name: str) -> bool:
    """Say whether a field of a profile, or the object it stands in, belongs to Iterable."""
    first = name.partition(".")[0]
    return first in RESERVED_FIELDS or _SUBSCRIPTIONS.fullmatch(first) is not None


def wrong_names(names: Collection[str]) -> str | None:
    """Return what is wrong with the first name that can't be used, or None.

    `address` and `address.city` can't both be: the one is a value, the other makes it an object.
    """
    for name in names:
        if len(name) > LONGEST_NAME:
            return f"{name[:40]}… is longer than {LONGEST_NAME} characters: shorten it"
        if not all(name.split(".")):
            return f"{name!r} has an empty part: write it like address.city"
        parents = name.split(".")[:-1]
        for end in range(1, len(parents) + 1):
            if (parent := ".".join(parents[:end])) in names:
                return f"{parent} can't be a value and hold {name} too: rename one"
    return None
