"""Reading on from where the group is; a gap in what it was to read is never passed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from connectors.kafka.connection import REQUEST_TIMEOUT_MS

# Shorter polls cost CPU by the hour: 25 ms are 5 % of a core, 100 ms are 2 %.
POLL_MS = 100
# Not `earliest`: that would also begin anew, without a word, where rows were deleted unread.
RESET = "none"


def read_on(consumer: Any) -> Mapping[Any, Sequence[Any]]:
    """Return new records by partition; OffsetOutOfRangeError when the next one is gone.

    Where the group has no offset yet it reads from the start.
    """
    found: Mapping[Any, Sequence[Any]] = _placed(
        consumer, lambda: consumer.poll(timeout_ms=POLL_MS)
    )
    return found


def extent(
    consumer: Any, new: Sequence[Any], found: Mapping[Any, Sequence[Any]]
) -> tuple[dict[Any, int], dict[Any, int]]:
    """Return where new partitions are read from and where they end right now.

    `found` are records that are read already. OffsetOutOfRangeError when a log begins later than
    the group is: committed 5, the log begins at 20, 15 rows were deleted unread.
    """
    ends = consumer.end_offsets(new, timeout_ms=REQUEST_TIMEOUT_MS)
    starts = {
        p: found[p][0].offset
        if found.get(p)
        else _placed(consumer, partial(consumer.position, p, timeout_ms=REQUEST_TIMEOUT_MS))
        for p in new
    }
    begins = consumer.beginning_offsets(new, timeout_ms=REQUEST_TIMEOUT_MS)
    if gone := {p: offset for p, offset in starts.items() if offset < begins[p]}:
        raise OffsetOutOfRangeError(gone)
    return starts, ends


def _placed(consumer: Any, call: Callable[[], Any]) -> Any:
    """Return what a call returns, once the partitions without an offset are at their start."""
    try:
        return call()
    except NoOffsetForPartitionError as error:
        [partitions] = error.args
        consumer.seek_to_beginning(*partitions)
        return call()
