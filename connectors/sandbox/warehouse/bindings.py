"""Bound values as Python values: fakesnow's own reader fails on decimals and marks NTZ as UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (an NTZ value has no zone: that is its meaning)


def to_parameters(bindings: Mapping[str, Mapping[str, Any]] | None) -> list[tuple[Any, ...]]:
    """The rows of parameters a statement is run with, in order; empty without bindings.

    An array binding (`executemany`) gives one row per value, anything else exactly one row.
    """
    if not bindings:
        return []
    ordered = [bindings[key] for key in sorted(bindings, key=int)]
    if not any(isinstance(binding["value"], list) for binding in ordered):
        return [tuple(_to_value(binding["type"], binding["value"]) for binding in ordered)]
    columns = [
        [_to_value(binding["type"], value) for value in binding["value"]] for binding in ordered
    ]
    return list(zip(*columns, strict=True))


def _to_value(kind: str, text: str | None) -> Any:  # noqa: PLR0911 (one line per type reads best)
    if text is None:
        return None
    match kind:
        case "FIXED":
            return Decimal(text) if "." in text else int(text)
        case "REAL":
            return float(text)
        case "BOOLEAN":
            return text.lower() == "true"
        case "BINARY":
            return bytes.fromhex(text)
        case "DATE":
            return (_EPOCH + dt.timedelta(milliseconds=int(text))).date()
        case "TIME":
            return _from_nanoseconds(text).time()
        case "TIMESTAMP_NTZ":
            return _from_nanoseconds(text)
        case "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            # A TZ value is "<nanoseconds> <offset in minutes + 1440>"; the instant is what counts.
            return _from_nanoseconds(text.partition(" ")[0]).replace(tzinfo=dt.UTC)
        case _:
            return text


def _from_nanoseconds(text: str) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=int(text) // 1000)
