"""Counting outcomes, and noticing that the fault is ours.

If one row in a hundred is rejected its data is wrong. If most are, the mapping, the project or the
endpoint is, and emptying the topic into the dead letters would bury the mistake: stop instead.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from connectors.records import Delivered, Message, Rejected, Skipped, Unchanged, Verdict


class Reject(NamedTuple):
    """A message that can never be accepted, and the calls it took to know."""

    message: Message
    verdict: Rejected
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """The share of rejects above which a sync stops, judged over the newest rows."""

    max_share: float = 0.2
    over_rows: int = 2_000
    from_rows: int = 200

    def is_hopeless(self, rows: int, accepted: int, refused: int) -> bool:
        """Say whether some of a batch's rows, drawn by lot, leave no doubt about the others.

        If a fifth were bad, nine bad ones in a row would come one time in two million: `0.2 ** 9`.
        """
        if accepted or rows < self.from_rows or self.max_share >= 1.0:
            return False
        return refused >= (math.ceil(-6 / math.log10(self.max_share)) if self.max_share else 1)


@dataclass(slots=True)
class RejectShare:
    """The share of rejects among the newest rows."""

    limit: DeadLetterLimit
    _batches: deque[tuple[int, int]] = field(default_factory=deque)
    _rows: int = 0
    _rejected: int = 0

    def passes(self, rows: int, rejected: int) -> bool:
        """Take in a batch and say whether the share is within the limit, the batch included.

        A batch that does not pass is not counted: it will be offered again.
        """
        all_rows, all_rejected = self._rows + rows, self._rejected + rejected
        judged = rejected > 0 and all_rows >= self.limit.from_rows
        if judged and all_rejected > self.limit.max_share * all_rows:
            return False
        self._batches.append((rows, rejected))
        self._rows, self._rejected = all_rows, all_rejected
        while self._rows - self._batches[0][0] >= self.limit.over_rows:
            old_rows, old_rejected = self._batches.popleft()
            self._rows -= old_rows
            self._rejected -= old_rejected
        return True


def outcome_label(verdict: Verdict) -> tuple[str, str]:
    """Return the two metric labels of a verdict: what became of the row, and why."""
    match verdict:
        case Delivered():
            return "delivered", ""
        case Unchanged():
            return "unchanged", ""
        case Skipped(reason):
            return "skipped", reason.value
        case Rejected(reason):
            return "rejected", reason.value
        case _ as never:
            assert_never(never)
