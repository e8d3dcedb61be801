"""The meter of the delivering stages: it counts what they report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from connectors.records import Partition, Verdict
from worker.rules.outcomes import outcome_label


class CountingMeter:
    """Counts what the delivering stages report."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.call_results: Counter[str] = Counter()
        self.errors: list[str] = []
        self.states: list[tuple[str, str]] = []
        self.new_fields = self.fields_left_out = 0
        self.rate_now: Callable[[], float] = lambda: 0.0
        self.freshness: list[int] = []
        self.lags: list[Mapping[Partition, int]] = []
        self.flying: Callable[[], int] = lambda: 0
        self.partitions = 0

    def outcome(self, _: str, verdict: Verdict, rows: int) -> None:
        outcome, reason = outcome_label(verdict)
        self.rows[outcome] += rows
        self.reasons[reason] += rows

    def given_back(self, _: str, rows: int) -> None:
        self.rows["given_back"] += rows

    def consumed(self, _: str, rows: int) -> None:
        self.rows["consumed"] += rows

    def delivered_at(self, _: str, changed_at_ns: Sequence[int], now: float) -> None:
        assert now > 0
        self.freshness += changed_at_ns

    def in_flight(self, _: str, rows: Callable[[], int]) -> None:
        self.flying = rows

    def consumer_lag(self, _: str, lag: Mapping[Partition, int]) -> None:
        self.lags.append(lag)

    def assigned_partitions(self, _: str, partitions: int) -> None:
        self.partitions = partitions

    def consume_error(self, _: str, kind: str) -> None:
        self.errors.append(kind)

    def deliver_error(self, _: str, kind: str) -> None:
        self.errors.append(kind)

    def sync_state(self, _: str, state: str, reason: str) -> None:
        if not self.states or self.states[-1] != (state, reason):
            self.states.append((state, reason))

    def call(self, _: str, result: str, seconds: float, rows: int) -> None:
        assert (seconds, rows) >= (0.0, 1)
        self.call_results[result] += 1

    def fields(self, _: str, created: int, left_out: int) -> None:
        self.new_fields += created
        self.fields_left_out += left_out

    def rate(self, _: str, calls_per_second: Callable[[], float]) -> None:
        self.new_fields = self.fields_left_out = 0
        self.rate_now = calls_per_second

    @property
    def settled(self) -> int:
        """Rows with an outcome, given back included."""
        return sum(rows for outcome, rows in self.rows.items() if outcome != "consumed")
