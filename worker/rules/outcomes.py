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


FEWEST_DRAWN = 8
DEVIATIONS = 3.5


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """The share of rejects above which a sync stops, judged over the newest rows."""

    max_share: float = 0.2
    over_rows: int = 2_000
    from_rows: int = 200


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

    def is_hopeless(self, rows: int, accepted: int, refused: int) -> bool:
        """Say whether rows of a batch, drawn by lot, leave no doubt that it will not pass.

        Of 1,000 rows beside 1,000 good ones 400 may be bad. Were it 40 of 100, then 12 of 12 bad
        ones, or 62 of 100, would come one time in thousands.
        """
        drawn, all_rows = accepted + refused, self._rows + rows
        if all_rows < self.limit.from_rows or drawn < FEWEST_DRAWN:
            return False
        share = (self.limit.max_share * all_rows - self._rejected) / rows
        share = min(1.0, max(0.0, share))
        spread = math.sqrt(drawn * share * (1.0 - share))
        return refused > drawn * share + DEVIATIONS * spread + 1


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
