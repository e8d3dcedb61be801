"""The sandbox's clock: wall time that never jumps, so that a rolling second is a second."""

from __future__ import annotations

import time


class SteadyClock:
    """Wall time as it was at the start, carried on by the monotonic clock."""

    def __init__(self) -> None:
        wall = time.time()  # noqa: TID251 - a stand-in server shows real wall time
        self._offset_seconds = wall - time.monotonic()

    def now(self) -> float:
        return self._offset_seconds + time.monotonic()
