"""Rows of whom it is not known whether they exist: look them up, or wait for an export.

An export is one call, a look-up is one for each. What decides is how many look-ups the next export
would spare: 2,000 take 22 seconds. A row that was written less than a minute ago is not counted, an
export would not yet say that it is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.records import Partition
from worker.rules.batching import Entry
from worker.rules.existence import ExistenceIndex, written_at


@dataclass(frozen=True, slots=True)
class AskingPolicy:
    """How it is found out who exists; without `exports` by look-ups alone.

    While an export is on its way rows wait for it if they are more than `look_ups_per_export`, and
    for the first one also if they are fewer, for `patience_seconds`.
    """

    exports: bool = True
    look_ups_at_once: int = 32
    look_ups_per_export: int = 2_000
    patience_seconds: float = 5.0


class Asking:
    """The rows to be asked about; one for each key, first come, first served."""

    def __init__(self, policy: AskingPolicy, index: ExistenceIndex) -> None:
        self._policy = policy
        self._index = index
        self._rows: dict[str, Entry] = {}
        self._spareable = 0  # look-ups since the last export that another would have spared
        self._doubts = 0  # exports in a row that were not whole
        self._next_count = 0.0
        self._export_since: float | None = None

    def add(self, entry: Entry) -> None:
        """Take a row in."""
        self._rows[entry.item.key] = entry

    def keys(self) -> list[str]:
        """Return the keys of the rows that wait."""
        return list(self._rows)

    def take(self, keys: Iterable[str]) -> list[Entry]:
        """Return the rows of these keys that are still here; they are not any more."""
        found = (self._rows.pop(key, None) for key in keys)
        return [entry for entry in found if entry is not None]

    def drop(self, partitions: frozenset[Partition]) -> list[Entry]:
        """Give up the rows of these partitions; return them."""
        return self.take([k for k, e in self._rows.items() if e.partition in partitions])

    def next_look_up(self, out: int, now: float, wall: float) -> Entry | None:
        """Return the row to look up now, if one is, while `out` look-ups have no answer yet."""
        if not self._rows or out >= self._policy.look_ups_at_once or self._waits(now):
            return None
        [entry] = self.take([next(iter(self._rows))])
        self._spareable += self._would_be_spared(entry, wall)
        return entry

    def _waits(self, now: float) -> bool:
        if self._export_since is None:
            return False
        if len(self._rows) > self._policy.look_ups_per_export:
            return True
        waited = now - self._export_since
        return not self._index.is_seeded and waited < self._policy.patience_seconds

    def export_is_due(self, now: float, wall: float) -> bool:
        """Say whether an export should begin, while none is on its way."""
        if not self._policy.exports or not self._rows:
            return False
        if not self._index.is_seeded:
            return True
        # One that was not whole is repeated, but not each minute for ever.
        worth = self._policy.look_ups_per_export << min(self._doubts, 6)
        if self._spareable + len(self._rows) <= worth or now < self._next_count:
            return False
        self._next_count = now + 1.0  # counting them takes a millisecond
        spared = sum(self._would_be_spared(entry, wall) for entry in self._rows.values())
        return self._spareable + spared > worth

    def export_began(self, now: float) -> None:
        """Let rows wait for an export that is on its way."""
        self._export_since = now

    def export_ended(self, *, well: bool) -> None:
        """Let no row wait any more: the export came, or it failed and is tried again."""
        self._export_since = None
        if well:
            self._spareable = 0

    def export_judged(self, *, whole: bool) -> None:
        """Note what look-ups said of the last export."""
        self._doubts = 0 if whole else self._doubts + 1

    def _would_be_spared(self, entry: Entry, wall: float) -> bool:
        written = written_at(entry.message, wall)
        return self._index.would_know(entry.item.identity, written, wall)

    def __len__(self) -> int:
        return len(self._rows)


def in_parts(keys: Sequence[str], rows: int) -> Iterable[Sequence[str]]:
    """Return the keys, some at a time."""
    return (keys[start : start + rows] for start in range(0, len(keys), rows))
