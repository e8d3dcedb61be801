"""Who a row is of, in the form in which two spellings of one profile are equal."""

from __future__ import annotations

import re
from typing import Literal

Match = Literal["email", "userId"]
ProjectType = Literal["email", "userId", "hybrid"]

# <= 52 characters, printable ASCII, no space at either end.
_USER_ID = re.compile(r"[!-~](?:[ -~]{0,50}[!-~])?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def identity_of(match: Match, text: str) -> str | None:
    """Return the identifier as it is sent and answered by, or None when it can't be one."""
    if match == "userId":
        return text if _USER_ID.fullmatch(text) else None
    address = text.strip().lower()
    return address if _EMAIL.fullmatch(address) else None
