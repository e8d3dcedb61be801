"""The switches tests turn to make the warehouse fail.

Counts run down, seconds are used once; `cut_from_row` stays until it is turned off.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal, get_args

Fault = Literal[
    "login_503",  # that many logins answer HTTP 503
    "query_503",  # that many statements answer HTTP 503
    "chunk_503",  # that many chunk downloads answer HTTP 503
    "session_expired",  # that many statements answer 390112: the client renews its session
    "master_expired",  # that many renewals answer 390114: the client must log in again
    "stall",  # the next statement answers only after that many seconds
    "cut_result",  # that many chunk downloads end in the middle
    "cut_from_row",  # every download of a chunk behind that many rows ends in the middle
]
NAMES: tuple[Fault, ...] = get_args(Fault)


class FaultSwitches:
    """What shall fail next. Safe to use from several threads."""

    def __init__(self) -> None:
        self._left: dict[Fault, float] = dict.fromkeys(NAMES, 0.0)
        self._lock = threading.Lock()

    def set(self, wanted: Mapping[str, float]) -> None:
        """Set the named switches, 0 turns one off. Raises ValueError for an unknown name."""
        unknown = sorted(set(wanted) - set(NAMES))
        if unknown:
            raise ValueError(f"unknown faults {unknown}; known are {list(NAMES)}")
        with self._lock:
            for name in NAMES:
                if name in wanted:
                    self._left[name] = float(wanted[name])

    def strikes(self, name: Fault) -> bool:
        """Whether this call shall fail; counts it off."""
        with self._lock:
            if self._left[name] < 1:
                return False
            self._left[name] -= 1
            return True

    def cuts_off(self, row: int) -> bool:
        """Whether the download of the chunk that starts at a row shall end in the middle."""
        with self._lock:
            first = self._left["cut_from_row"]
        return 0 < first <= row or self.strikes("cut_result")

    def take_stall_seconds(self) -> float:
        """How long the next statement shall wait; switched off by asking."""
        with self._lock:
            seconds, self._left["stall"] = self._left["stall"], 0.0
            return seconds

    def left(self) -> dict[Fault, float]:
        with self._lock:
            return dict(self._left)
