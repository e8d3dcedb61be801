"""What a soak was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_SENTENCES = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how large, and from which dice."""

    seconds: float
    seed: int
    rows: int


@dataclass(slots=True)
class Report:
    """What was seen; `broken` has a sentence for each thing that did not hold."""

    seed: int
    broken: list[str] = field(default_factory=list)
    scrapes: int = 0
    unbalanced_scrapes: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    profiles: int = 0
    equal: int = 0
    calls: int = 0
    rate_limited: int = 0
    busiest_second: int = 0
    peak_mb: dict[str, float] = field(default_factory=dict)
    growth_mb: dict[str, float] = field(default_factory=dict)

    def wrong(self, sentence: str) -> None:
        """Note that something did not hold."""
        if len(self.broken) < MAX_SENTENCES:
            self.broken.append(sentence)
