"""What a process says of itself in one look at /metrics, and whether its sums are right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
OUTCOMES = ("delivered", "unchanged", "skipped", "rejected", "given_back")


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a scrape."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scrape:
    """Every series of one process at one moment."""

    series: tuple[Series, ...]

    @classmethod
    def read(cls, text: str) -> Scrape:
        """Read the Prometheus text format, as far as we write it."""
        return cls(tuple(_series(text)))

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a series over what `labels` leaves open; 0 when there is none."""
        return sum(
            one.value
            for one in self.series
            if one.name == name and labels.items() <= one.labels.items()
        )

    def labels(self, name: str, label: str) -> list[str]:
        """Return the values that a label of a series has."""
        return sorted({one.labels[label] for one in self.series if one.name == name})


def unbalanced(scrape: Scrape) -> list[str]:
    """Return a sentence for each sync whose rows do not add up: lost, or counted twice."""
    found: list[str] = []
    for sync in scrape.labels("hightide_consumed_rows_total", "sync"):
        consumed = scrape.total("hightide_consumed_rows_total", sync=sync)
        parts = {o: scrape.total("hightide_rows_total", sync=sync, outcome=o) for o in OUTCOMES}
        parts["in_flight"] = scrape.total("hightide_in_flight_rows", sync=sync)
        if consumed != sum(parts.values()) or min(parts.values()) < 0:
            named = " + ".join(f"{rows:.0f} {name}" for name, rows in parts.items())
            found.append(f"sync {sync}: {consumed:.0f} consumed are not {named}")
    return found


def gone_back(before: Scrape, now: Scrape) -> list[str]:
    """Return a sentence for each counter of rows that went down without a restart."""
    old = {(one.name, tuple(one.labels.items())): one.value for one in before.series}
    return [
        f"{one.name} went from {was:.0f} to {one.value:.0f}"
        for one in now.series
        if one.name.endswith("_rows_total")
        and (was := old.get((one.name, tuple(one.labels.items())), 0.0)) > one.value
    ]


def _series(text: str) -> Iterator[Series]:
    for line in text.splitlines():
        if (match := _LINE.match(line)) is not None:
            labels = dict(_LABEL.findall(match["labels"] or ""))
            yield Series(match["name"], labels, float(match["value"]))
