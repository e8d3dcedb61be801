"""What kafka-python 3.0.12 gets wrong, mended from outside before each poll.

Both faults are silent: a consumer that looks healthy and reads nothing. There is no public way to
either place, so the version is pinned below 3.1, and a test on the broker shows each fault.
"""

from __future__ import annotations

from typing import Any


def mend_before_poll(consumer: Any) -> None:
    """Undo what would keep the next poll from joining the group or from reading a partition."""
    _keep_joining(consumer)
    _free_the_slot(consumer)


def _keep_joining(consumer: Any) -> None:
    # A join that outlives one poll is forgotten while its answer is on its way (as in Java before
    # KAFKA-9815): no partitions, no heartbeats, no error.
    coordinator = consumer._coordinator  # noqa: SLF001
    if coordinator._join_task is not None:  # noqa: SLF001
        coordinator.request_rejoin()


def _free_the_slot(consumer: Any) -> None:
    # Records of a partition that was paused are parked, and come back after the resume only when
    # the slot for the records being read is None. A slot whose records are used up is empty but
    # not None: the parked partition is then not read until another one is paused, perhaps never.
    fetcher = consumer._fetcher  # noqa: SLF001
    if fetcher._next_partition_records is not None and not fetcher._next_partition_records:  # noqa: SLF001
        fetcher._next_partition_records = None  # noqa: SLF001
