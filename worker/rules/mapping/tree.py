"""Fields whose names have dots are places in objects: `address.city` and `address.zip` are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Row = Mapping[str, Any]
Compute = Callable[[Row], object]

ABSENT: Final = object()  # the row says nothing of this field: it is left as it is


def computed_fields(leaves: Mapping[str, Compute]) -> list[tuple[str, Compute]]:
    """Return the fields of the first level, each with the function that makes its value.

    The function returns ABSENT for a value that is to be left out, and for an object without any
    member.
    """
    branches: dict[str, dict[str, Compute]] = {}
    for name, compute in leaves.items():
        first, _, rest = name.partition(".")
        branches.setdefault(first, {})[rest] = compute
    return [
        (first, inside[""] if "" in inside else _object(computed_fields(inside)))
        for first, inside in branches.items()
    ]


def _object(members: list[tuple[str, Compute]]) -> Compute:
    def compute(row: Row) -> object:
        found = {name: value for name, member in members if (value := member(row)) is not ABSENT}
        return found or ABSENT

    return compute
