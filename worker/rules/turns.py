"""Whose turn it is to call: one rate for every process, and nobody has to be asked.

Time is cut into slots, as many a second as calls are permitted; each slot is the turn of one
partition, and whoever owns the partition may call then. All processes see the same clock and the
same pattern, so their calls are one sequence with even gaps, and its sum is the rate:

    slot        0    1    2    3    4    5    6    7  …   every 222 ms at 4.5 calls a second
    partition   0    1    2    3    4    5    0    1  …   evenly, when nothing else is known
    partition   2    2    0    2    2    4    2    2  …   partition 2 has most of the backlog

The pattern follows the lag. The owner of the first partition counts everybody's lag and leaves the
weights of the next period as a note beside the offset it commits; everybody reads it there before
the period begins. Weights hold until others do; before the first note turns are even.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

# A partition without rows keeps one turn in so many of its even share: with 24 at most 4 % of the
# rate is kept for rows that may come, and one that comes waits 24 rounds at the longest.
SMALLEST_SHARE = 24
# As if each partition had half a call more: without a backlog the turns are even.
ROWS_OF_GRACE = 500
LONGEST_NOTE_BYTES = 3_500


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """A partition of a sync's topic."""

    sync: str
    partition: int


def pattern(weights: Mapping[Lane, int]) -> tuple[Lane, ...]:
    """Return each lane as often as it weighs, its turns spread as evenly as they can be."""
    # Each lane's k-th turn lies in the middle of the k-th of its equal parts of the round.
    turns = ((0.5 / weight, lane, weight) for lane, weight in sorted(weights.items()))
    line = list(turns)
    heapq.heapify(line)
    found: list[Lane] = []
    for _ in range(sum(weights.values())):
        at, lane, weight = line[0]
        found.append(lane)
        heapq.heapreplace(line, (at + 1.0 / weight, lane, weight))
    return tuple(found)


def weigh(lag: Mapping[Lane, int]) -> dict[Lane, int]:
    """Return how many turns of a round each lane has: by its lag, at least one."""
    turns = SMALLEST_SHARE * len(lag)
    rows = {lane: max(0, behind) + ROWS_OF_GRACE for lane, behind in lag.items()}
    total = sum(rows.values())
    return {lane: max(1, round(turns * share / total)) for lane, share in rows.items()}


@dataclass(slots=True)
class Turns:
    """What one process knows of the turns at one endpoint."""

    period_seconds: float
    _partitions: dict[str, int] = field(default_factory=dict)
    _owned: dict[str, frozenset[int]] = field(default_factory=dict)
    _lag: dict[str, Mapping[int, int]] = field(default_factory=dict)
    _weights: dict[int, dict[Lane, int]] = field(default_factory=dict)
    _announced: dict[int, dict[Lane, int]] = field(default_factory=dict)
    _patterns: dict[int, tuple[Lane, ...]] = field(default_factory=dict)

    def has(self, sync: str, partitions: int) -> None:
        """Note how many partitions a sync's topic has."""
        if partitions and self._partitions.get(sync) != partitions:
            self._partitions[sync] = partitions
            self._patterns.clear()

    def owns(self, sync: str, partitions: frozenset[int]) -> None:
        """Note which partitions of a sync this process owns."""
        self._owned[sync] = partitions

    def lags(self, sync: str, lag: Mapping[int, int]) -> None:
        """Note how many rows each partition of a sync is behind, whoever owns it."""
        self._lag[sync] = lag

    def is_ours(self, slot: int, wall: float) -> bool:
        """Say whether the slot at this time is the turn of a partition of ours."""
        found = self._pattern(self._period(wall))
        if not found:
            return False
        lane = found[slot % len(found)]
        return lane.partition in self._owned.get(lane.sync, frozenset())

    def round_length(self, wall: float) -> int:
        """Return how many slots the pattern has that holds at this time."""
        return len(self._pattern(self._period(wall)))

    def share(self, wall: float) -> float:
        """Return which part of the turns is ours at this time."""
        found = self._pattern(self._period(wall))
        ours = sum(lane.partition in self._owned.get(lane.sync, frozenset()) for lane in found)
        return ours / len(found) if found else 0.0

    # --- the note ------------------------------------------------------------------------------

    @property
    def writer(self) -> str:
        """The sync beside whose first partition the note stands."""
        return min(self._partitions, default="")

    def note(self, wall: float) -> str:
        """Return the note that the owner of the writer's first partition leaves now, else "".

        A period's weights are settled once: what was announced holds. They are ours, too, only when
        they are read back: nobody else knows what could not be committed.
        """
        if 0 not in self._owned.get(self.writer, frozenset()):
            return ""
        now = self._period(wall)
        known = self._announced | self._weights
        if now + 1 not in known:
            known[now + 1] = self._announced[now + 1] = weigh(self._lanes_behind())
        told = {str(p): _by_sync(weights) for p, weights in known.items() if p in (now, now + 1)}
        text = orjson.dumps(told).decode()
        return text if len(text) <= LONGEST_NOTE_BYTES else ""

    def read(self, note: str, wall: float) -> None:
        """Take in what a note says of this period and the next; nonsense says nothing."""
        now = self._period(wall)
        told = {p: weights for p, weights in _weights_of(note).items() if p <= now + 1}
        if any(self._weights.get(p) != weights for p, weights in told.items()):
            self._weights |= told
            self._patterns.clear()
        # The newest that began holds until another does, also without its writer.
        held = max((p for p in self._weights if p <= now), default=now)
        for table in (self._weights, self._announced):
            for period in [p for p in table if p < held]:
                del table[period]
        for period in [p for p in self._patterns if p < now]:
            del self._patterns[period]

    # --- below ---------------------------------------------------------------------------------

    def _period(self, wall: float) -> int:
        return math.floor(wall / self.period_seconds)

    def _lanes_behind(self) -> dict[Lane, int]:
        return {
            Lane(sync, n): self._lag.get(sync, {}).get(n, 0)
            for sync, partitions in self._partitions.items()
            for n in range(partitions)
        }

    def _pattern(self, period: int) -> tuple[Lane, ...]:
        found = self._patterns.get(period)
        if found is None:
            lanes = self._lanes_behind()
            told = self._weights.get(max((p for p in self._weights if p <= period), default=period))
            # Partitions that were added have a turn before anybody told their weight.
            fits = told is not None and told.keys() == lanes.keys()
            weights = told if told is not None and fits else dict.fromkeys(lanes, 1)
            found = self._patterns[period] = pattern(weights)
        return found


def _by_sync(weights: Mapping[Lane, int]) -> dict[str, list[int]]:
    told: dict[str, list[int]] = {}
    for lane in sorted(weights):
        told.setdefault(lane.sync, []).append(weights[lane])
    return told


def _weights_of(note: str) -> dict[int, dict[Lane, int]]:
    try:
        told = orjson.loads(note)
        return {
            int(period): {
                Lane(sync, n): weight
                for sync, line in syncs.items()
                for n, weight in enumerate(_whole(line))
            }
            for period, syncs in told.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def _whole(weights: Sequence[object]) -> list[int]:
    found = [w for w in weights if isinstance(w, int) and 0 < w <= 1_000_000]
    if len(found) != len(weights):
        raise ValueError("a weight is no whole number above 0")
    return found
