"""Faults on order: what goes wrong with the next calls of an endpoint.

A fault hits calls that carry a good key and are within the rate limit, in the order of the queue.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ANY_ENDPOINT = "*"


class FaultKind(StrEnum):
    """`cut_after_apply` and the slow ones apply the call; all others leave no trace of it."""

    TOO_MANY_JSON = "429_json"
    TOO_MANY_TEXT = "429_text"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    TOO_LARGE = "413"
    SLOW = "slow"
    SLOW_BODY = "slow_body"
    CUT_AFTER_APPLY = "cut_after_apply"
    CUT_BEFORE_APPLY = "cut_before_apply"
    HTML = "html"
    REDIRECT = "redirect"


APPLIED = frozenset({FaultKind.SLOW, FaultKind.SLOW_BODY, FaultKind.CUT_AFTER_APPLY})


@dataclass(slots=True)
class Fault:
    """`count` calls to `endpoint` (a path template, or `*`), each hit with `probability`.

    `seconds` is for the slow ones; `location` is where a redirect points.
    """

    kind: FaultKind
    endpoint: str = ANY_ENDPOINT
    count: int = 1
    probability: float = 1.0
    seed: int = 1
    seconds: float = 1.0
    location: str = ""
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    @classmethod
    def read(cls, value: dict[str, Any]) -> Fault:
        """Read a fault from JSON. Raises ValueError with a sentence."""
        names = {"kind", "endpoint", "count", "probability", "seed", "seconds", "location"}
        if unknown := value.keys() - names:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if "kind" not in value:
            raise ValueError(f"a fault needs a kind: one of {', '.join(FaultKind)}")
        fault = cls(**{**value, "kind": FaultKind(value["kind"])})
        if fault.count < 1 or not 0 < fault.probability <= 1:
            raise ValueError("a fault needs a count of 1 or more and a probability in (0, 1]")
        return fault


class FaultQueue:
    """The faults that wait, each endpoint's in the order in which they were ordered."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def waiting(self) -> list[dict[str, object]]:
        """What is still to come."""
        return [
            {"kind": item.kind, "endpoint": item.endpoint, "count": item.count}
            for item in self._waiting
        ]

    def take(self, endpoint: str) -> Fault | None:
        """The fault that hits this call, if one does; a spent fault leaves the queue."""
        for fault in self._waiting:
            if fault.endpoint in {endpoint, ANY_ENDPOINT}:
                if fault.dice.random() >= fault.probability:
                    return None
                fault.count -= 1
                if fault.count == 0:
                    self._waiting.remove(fault)
                return fault
        return None
