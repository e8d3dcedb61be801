"""What Iterable wraps its answers in: two envelopes, plain text, or a page of something else.

    {"msg": "...", "code": "BadJsonBody", "params": {...}}                 nearly everything
    {"error": "...", "message": "...", "code": "error.lists.x", "data": …}  newer controllers

Keys that nobody knows yet are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A body taken apart. `fields` is the whole JSON object; all is empty where there is none.

    `code` and `message` are for comparing only: they may quote values, addresses and the API key.
    """

    fields: Mapping[str, Any]
    code: str
    message: str
    params: Mapping[str, Any]


def open_envelope(body: bytes) -> Envelope:
    """Return what stands in a body; never raises, whatever it is."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Envelope(_NOTHING, "", body.decode(errors="replace"), _NOTHING)
    if not isinstance(parsed, dict):
        return Envelope(_NOTHING, "", parsed if isinstance(parsed, str) else "", _NOTHING)
    message = _text(parsed.get("msg")) or _text(parsed.get("message"))
    params = parsed.get("params") or parsed.get("data")
    return Envelope(
        parsed,
        _text(parsed.get("code")),
        message,
        params if isinstance(params, dict) else _NOTHING,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
