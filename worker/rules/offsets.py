"""Which offset of a partition may be committed: the end of the acked prefix.

Acks come in any order, the commit only ever covers a prefix in which every message has an outcome.
"Offset" means the *next message to read*: after 5, 6 and 9 (7 and 8 were compacted away) are acked
the committable offset is 10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class OffsetTracker:
    """One partition from one assignment to its revocation; a new assignment gets a new tracker."""

    def __init__(self, start: int) -> None:
        self._open: deque[int] = deque()
        self._acked: set[int] = set()
        self._unsaved: deque[int] = deque()
        self._next = start
        self._committable = start
        self._given_back = 0

    def consumed(self, offsets: Iterable[int]) -> None:
        """Note messages handed to us, in offset order."""
        offsets = list(offsets)
        self._open.extend(offsets)
        self._unsaved.extend(offsets)
        if self._open:
            self._next = self._open[-1] + 1

    def ack(self, offset: int) -> None:
        """Note that a consumed message has an outcome; an ack may come once only."""
        self._acked.add(offset)
        while self._open and self._open[0] in self._acked:
            head = self._open.popleft()
            self._acked.discard(head)
            self._committable = head + 1

    def give_back(self, messages: int) -> None:
        """Note consumed messages that get no outcome here: the partition's next owner reads them.

        The prefix that may be committed ends before the first of them.
        """
        self._given_back += messages

    def saved(self, offset: int) -> None:
        """Note that the group holds this offset: a crash reads nothing below it again."""
        while self._unsaved and self._unsaved[0] < offset:
            self._unsaved.popleft()

    @property
    def unsaved(self) -> int:
        """Messages that a crash would make somebody read again."""
        return len(self._unsaved)

    @property
    def committable(self) -> int:
        """The offset that may be committed: everything below it has an outcome."""
        return self._committable

    @property
    def position(self) -> int:
        """The next offset to consume."""
        return self._next

    @property
    def in_flight(self) -> int:
        """Messages consumed and without an outcome, except those that were given back."""
        return len(self._open) - len(self._acked) - self._given_back
