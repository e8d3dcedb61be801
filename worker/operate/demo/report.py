"""What a demo was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a demo is."""

    contacts: int
    days: int
    seed: int


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict and the figures of one demo."""

    profiles: int
    equal: int
    different: int
    missing: int
    unexpected: int
    rows_read: int
    rows_published: int
    rows_unchanged: int
    rows_changed: int
    delivered: int
    skipped: int
    rejected: int
    mqr_used: int
    calls: int
    rate_limited: int
    busiest_second: int
    seconds: float
    broker: str

    @property
    def equal_everywhere(self) -> bool:
        """Whether Iterable holds what the model says, and nothing that it does not."""
        return self.different == self.missing == self.unexpected == 0

    def as_json(self) -> Mapping[str, object]:
        return asdict(self)
