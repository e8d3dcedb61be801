"""Guards: a snapshot that would change too much is refused before any of it is published.

A model that comes back empty from a broken build would delete every profile; a join that lost its
table blanks a field everywhere. Both look like ordinary changes, row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.records import Column, SnapshotCounts


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """The largest shares of a model's known rows that one snapshot may touch."""

    max_deleted: float = 0.1
    max_changed: float = 1.0
    max_blanked: float = 0.3


@dataclass(frozen=True, slots=True)
class Refusal:
    """One share that is too large. `what` is in words: `deleted`, `changed`, `COUNTRY blanked`."""

    what: str
    rows: int
    share: float
    permitted: float


def refusals(policy: GuardPolicy, counts: SnapshotCounts) -> list[Refusal]:
    """Return every share that is above its guard; none for the first snapshot of a model."""
    if counts.known == 0:
        return []
    measured = [
        ("deleted", counts.deleted, policy.max_deleted),
        ("changed", counts.changed, policy.max_changed),
        *((f"{name} blanked", n, policy.max_blanked) for name, n in sorted(counts.blanked.items())),
    ]
    return [
        Refusal(what, rows, rows / counts.known, permitted)
        for what, rows, permitted in measured
        if rows / counts.known > permitted
    ]


def refusal_sentence(model: str, refused: Sequence[Refusal], known: int) -> str:
    """Return the refusal in one sentence: what, how much of it, and what to do."""
    parts = [f"{r.what} {r.rows:,} ({r.share:.1%}, guard {r.permitted:.1%})" for r in refused]
    return (
        f"model {model}: nothing was published, a guard refuses this snapshot: of {known:,} known "
        f"rows {', '.join(parts)}; look at them with `hightide snapshot {model} --dry-run`, let it "
        f"pass once with `hightide snapshot {model} --pass-guards`"
    )


def filled_columns(columns: Sequence[Column]) -> Callable[[Sequence[object]], bytes]:
    """Return the function from a row to which columns hold something: two bytes for each.

    Names are hashed so that a row needs 40 bytes and not 300, and columns may come and go.
    """
    marks = [_mark(c.name) for c in columns]

    def filled(row: Sequence[object]) -> bytes:
        return b"".join([m for m, value in zip(marks, row, strict=True) if value is not None])

    return filled


def blanked_columns(
    columns: Sequence[Column],
) -> Callable[[bytes, Sequence[object]], tuple[str, ...]]:
    """Return the function that names the columns filled before and empty in the row now."""
    marks = [(c.name, _mark(c.name)) for c in columns]

    def blanked(before: bytes, row: Sequence[object]) -> tuple[str, ...]:
        if not before:
            return ()
        there = {before[i : i + 2] for i in range(0, len(before), 2)}
        return tuple(
            name
            for (name, mark), value in zip(marks, row, strict=True)
            if value is None and mark in there
        )

    return blanked


def _mark(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=2).digest()
