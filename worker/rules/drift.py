"""What a changed column list means for a model: flow on, or stop and say which column."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.records import Column


def retyped_columns(before: Sequence[Column], now: Sequence[Column]) -> list[str]:
    """Return the columns that hold another type than before.

    A new column and one that is gone are not in the list: old and new records can be read side by
    side. A wider NUMBER is the same type; another scale is not.
    """
    known = {c.name: (c.type, c.scale) for c in before}
    return [c.name for c in now if c.name in known and known[c.name] != (c.type, c.scale)]
