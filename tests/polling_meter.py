"""What the polling stages report, remembered for a test to look at."""

from __future__ import annotations

from connectors.records import Survey
from worker.rules.mqr import MqrUse


class PollingMeter:
    """Remembers what the polling stages report."""

    def __init__(self) -> None:
        self.read = self.published = self.unchanged = self.too_large = self.deleted = 0
        self.superseded_rows = 0
        self.surveys: list[Survey] = []
        self.results: list[str] = []
        self.states: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.used: list[tuple[int, int]] = []
        self.watermarks: list[int | None] = []

    def polled(self, _: str, result: str, now: float) -> None:
        assert now > 0
        self.results.append(result)

    def poll_error(self, _: str, kind: str) -> None:
        self.errors.append(kind)

    def poll_state(self, _: str, state: str, reason: str) -> None:
        self.states.append((state, reason))

    def rows_read(self, _: str, *, published: int, unchanged: int, too_large: int) -> None:
        self.read += published + unchanged + too_large
        self.published += published
        self.unchanged += unchanged
        self.too_large += too_large

    def rows_deleted(self, _: str, rows: int) -> None:
        self.deleted += rows

    def surveyed(self, _: str, survey: Survey) -> None:
        self.surveys.append(survey)

    def catching_up(self, _: str, done: int, total: int) -> None:
        assert 0 <= done <= total

    def superseded(self, _: str, rows: int) -> None:
        self.superseded_rows += rows

    def mqr(self, use: MqrUse) -> None:
        assert use.period
        self.used.append((use.used, use.reserved))

    def mqr_forecast(self, records: int) -> None:
        assert records >= 0

    def committed(self, _: str, watermark_ns: int | None) -> None:
        self.watermarks.append(watermark_ns)
