"""What the sandbox saw: one small tuple a call, so that a run of 100,000 calls stays small.

A call is written down and numbered when it has been judged, before its answer leaves: whoever reads
on from number N misses none. `arrived_at_seconds` is the wall time at which its headers were in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

NO_ANSWER = 0
REFUSED = frozenset({401, 429})


class RowMark(NamedTuple):
    """A row's identifiers and a digest of all it carried."""

    email: str | None
    user_id: str | None
    digest: str


class Entry(NamedTuple):
    """One call. Status 0 means that the socket was closed without an answer."""

    number: int
    arrived_at_seconds: float
    method: str
    path: str
    status: int
    rows: int
    fault: str | None
    marks: tuple[RowMark, ...]

    def as_json(self) -> bytes:
        fields: dict[str, object] = {
            "number": self.number,
            "arrived_at_seconds": round(self.arrived_at_seconds, 6),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "rows": self.rows,
        }
        if self.fault is not None:
            fields["fault"] = self.fault
        if self.marks:
            fields["keys"] = [
                {"email": mark.email, "userId": mark.user_id, "digest": mark.digest}
                for mark in self.marks
            ]
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


class Journal:
    """Every call, in the order in which they were judged."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._statuses: dict[str, Counter[int]] = {}

    def write(
        self,
        arrived_at_seconds: float,
        method: str,
        path: str,
        status: int,
        *,
        rows: int = 0,
        fault: str | None = None,
        marks: tuple[RowMark, ...] = (),
    ) -> None:
        """Note one call down; from then on `after` returns it."""
        number = len(self._entries) + 1
        self._entries.append(
            Entry(number, arrived_at_seconds, method, path, status, rows, fault, marks)
        )
        self._statuses.setdefault(path, Counter())[status] += 1

    def after(self, number: int) -> Iterator[Entry]:
        """The calls that were judged after call `number`, up to now."""
        return iter(self._entries[max(0, number) :])

    def stats(self) -> dict[str, object]:
        """Counts by path and status, and how many calls the fullest rolling second held."""
        by_endpoint = {
            path: {str(status): count for status, count in sorted(statuses.items())}
            for path, statuses in sorted(self._statuses.items())
        }
        limited = sum(statuses[429] for statuses in self._statuses.values())
        return {
            "calls": len(self._entries),
            "by_endpoint": by_endpoint,
            "rate_limited": limited,
            "busiest_second": self._busiest_seconds(),
        }

    def _busiest_seconds(self) -> dict[str, int]:
        arrivals: dict[str, list[float]] = {}
        for entry in self._entries:
            if entry.status not in REFUSED:
                arrivals.setdefault(entry.path, []).append(entry.arrived_at_seconds)
        return {path: busiest_second(moments) for path, moments in sorted(arrivals.items())}


def busiest_second(moments: Sequence[float]) -> int:
    """The most moments that fit into one rolling second, [t, t + 1)."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def marks_of(rows: Sequence[object]) -> tuple[RowMark, ...]:
    """Who is in these rows and what, without keeping it."""
    return tuple(
        RowMark(row.get("email"), row.get("userId"), digest(row))
        for row in rows
        if isinstance(row, dict)
    )


def digest(row: object) -> str:
    """16 hex digits that are equal for equal rows, whatever the order of their keys."""
    text = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()
