"""Who exists at the destination, as far as is known.

An export of identifiers says it of everybody, look-ups of one profile each. All of it is good for
an hour. Somebody who is known goes on; that somebody is absent must have been so after the row was
written, as the profile may be younger than the knowledge:

    export began 12:00, not in it   rows written before 11:59 are absent, the others are asked about
    look-up at 12:30, found         rows go on until 13:30
    look-up at 12:30, not found     rows written before 12:29 are absent

The minute is the destination's: what was written to it may take that long to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from connectors.records import Message
from worker.rules.identifiers import Identifiers, mark_of


class Answer(Enum):
    """What is known of a profile, as far as one row of it is concerned."""

    KNOWN = auto()
    ABSENT = auto()
    ASK = auto()


@dataclass(frozen=True, slots=True)
class ExistencePolicy:
    """How long knowledge is good, and how much of it is kept.

    `lag_seconds` is how far the destination's reads are behind its writes. An export that broke off
    without saying so would make profiles absent: its first `proofs` misses are looked up.
    """

    max_age_seconds: float = 3_600.0
    lag_seconds: float = 60.0
    proofs: int = 20
    max_look_ups: int = 100_000


class _LookUp(NamedTuple):
    found: bool
    asked_at: float


class ExistenceIndex:
    """What one export and the look-ups since then say. Times are of the wall clock."""

    def __init__(self, policy: ExistencePolicy) -> None:
        self._policy = policy
        self._exported = Identifiers()
        self._began = float("-inf")
        self._unproven = 0
        self._looked: dict[int, _LookUp] = {}
        self.is_doubted = False

    @property
    def is_seeded(self) -> bool:
        """Whether there was an export, however old it is by now."""
        return self._began > float("-inf")

    @property
    def is_proven(self) -> bool:
        """Whether the export's misses can be believed."""
        return self.is_seeded and not self._unproven

    def seed(self, exported: Identifiers, began: float) -> None:
        """Know what an export says that began at that time; `exported` is sorted."""
        self._exported, self._began = exported, began
        self._unproven, self.is_doubted = self._policy.proofs, False
        older = [m for m, look in self._looked.items() if look.asked_at + self._lag <= began]
        for mark in older:
            del self._looked[mark]

    def learn(self, identity: str, written_at: float, asked_at: float, *, exists: bool) -> None:
        """Know what a look-up for a row said that began at `asked_at`.

        Somebody who exists and should have been in the export shows that it was not whole: from
        then on its misses say nothing.
        """
        mark = mark_of(identity)
        if self._was_missed(mark) and self._began >= written_at + self._lag:
            if exists and self._unproven:
                self.is_doubted = True
            elif not self.is_doubted:
                self._unproven = max(0, self._unproven - 1)
        self._looked.pop(mark, None)
        self._looked[mark] = _LookUp(exists, asked_at)
        self._forget(asked_at)

    def answer(self, identity: str, written_at: float, now: float) -> Answer:
        """Say whether a row that was written to the topic at that time is of a known profile."""
        mark = mark_of(identity)
        looked = self._looked.get(mark)
        if looked is not None and looked.asked_at >= self._began:
            if now - looked.asked_at > self._policy.max_age_seconds:
                return Answer.ASK
            return self._judge(looked.found, looked.asked_at, written_at)
        if now - self._began > self._policy.max_age_seconds:
            return Answer.ASK
        # A look-up from just before the export may have seen a profile that the export had not yet.
        found = self._exported.holds(mark) or (looked is not None and looked.found)
        if self._unproven and not found:
            return Answer.ASK
        return self._judge(found, self._began, written_at)

    def would_know(self, identity: str, written_at: float, now: float) -> bool:
        """Say whether an export that begins now would spare a row its look-up.

        Not one of which the last one says everything, once its misses are proven.
        """
        is_fresh = now - self._began <= self._policy.max_age_seconds and not self.is_doubted
        if is_fresh and self._began >= written_at + self._lag:
            return False
        return written_at + self._lag <= now or self._exported.holds(mark_of(identity))

    def __len__(self) -> int:
        return len(self._exported)

    @property
    def _lag(self) -> float:
        return self._policy.lag_seconds

    def _judge(self, found: bool, since: float, written_at: float) -> Answer:  # noqa: FBT001  # as it was answered
        if found:
            return Answer.KNOWN
        return Answer.ABSENT if since >= written_at + self._lag else Answer.ASK

    def _was_missed(self, mark: int) -> bool:
        return self.is_seeded and not self._exported.holds(mark)

    def _forget(self, now: float) -> None:
        oldest = now - self._policy.max_age_seconds
        while self._looked:
            mark, look = next(iter(self._looked.items()))
            if look.asked_at >= oldest and len(self._looked) <= self._policy.max_look_ups:
                return
            del self._looked[mark]


def written_at(message: Message, now: float) -> float:
    """Return when a message was written to its topic; `now` when it does not say."""
    return message.timestamp_ms / 1000 if message.timestamp_ms > 0 else now
