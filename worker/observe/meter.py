"""Where the stages report: numbers become series, changes of state become log lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from connectors.records import Partition, Survey, Verdict
from worker.observe.metrics import STATES, Metrics
from worker.observe.progress import Progress, no_progress
from worker.rules.mqr import MqrPolicy, MqrUse, period_end, threshold_reached
from worker.rules.outcomes import outcome_label

# Catching up with fewer rows is over before anybody could look.
LONG_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class State:
    """What something is doing, and why not more."""

    name: str = "running"
    reason: str = ""


class Meter:
    """Implements every stage's meter."""

    def __init__(self, models: Iterable[str], syncs: Iterable[str], mqr: MqrPolicy) -> None:
        self.metrics = Metrics(models, syncs)
        self.metrics.mqr_limit.set(mqr.limit)
        self.models: dict[str, State] = dict.fromkeys(models, State())
        self.syncs: dict[str, State] = dict.fromkeys(syncs, State())
        self.counts: dict[str, int] = {}
        self.progress: Progress = no_progress
        self._mqr = mqr
        self._threshold = ("", 0)
        self._lock = threading.Lock()
        self._log = structlog.get_logger()
        for model in self.models:
            self.metrics.model_state.labels(model, "running").set(1)
        for sync in self.syncs:
            self.metrics.sync_state.labels(sync, "running").set(1)

    # --- poll and publish ----------------------------------------------------------------------

    def rows_read(self, model: str, *, published: int, unchanged: int, too_large: int) -> None:
        found = (("published", published), ("unchanged", unchanged), ("too_large", too_large))
        for result, rows in found:
            self.metrics.rows_read.labels(model, result).inc(rows)
            self._count(f"rows_{result}", rows)
        self._count("rows_read", published + unchanged + too_large)

    def rows_deleted(self, model: str, rows: int) -> None:
        self.metrics.rows_deleted.labels(model).inc(rows)

    def surveyed(self, model: str, survey: Survey) -> None:
        unusable = (
            ("null_key", survey.null_keys),
            ("null_watermark", survey.null_watermarks),
            ("duplicate_key", survey.duplicate_keys),
        )
        self.metrics.later_rows.labels(model).set(survey.later)
        for reason, rows in unusable:
            self.metrics.unusable_rows.labels(model, reason).set(rows)
            if rows:
                self._log.warning("rows can't be used", model=model, reason=reason, rows=rows)
        self._log.info("to read", model=model, rows=survey.rows)

    def superseded(self, model: str, rows: int) -> None:
        self.metrics.superseded.labels(model).inc(rows)
        self._log.warning("rows of a replaced poller are read again", model=model, rows=rows)

    def catching_up(self, model: str, done: int, total: int) -> None:
        self.metrics.index_left.labels(model).set(total - done)
        if total >= LONG_ROWS:
            self.progress(f"index of {model}", done, total)

    def mqr(self, use: MqrUse) -> None:
        self.metrics.mqr_used.set(use.used)
        self.metrics.mqr_reserved.set(use.reserved)
        self.metrics.mqr_uncertain.set(use.uncertain)
        self.metrics.mqr_period_end.set(period_end(use.period, self._mqr).timestamp())
        self.counts["mqr_used"] = use.used
        reached = threshold_reached(use.used + use.uncertain, self._mqr.limit)
        if (use.period, reached) != self._threshold:
            self._threshold = (use.period, reached)
            if reached:
                self._log.warning("MQR threshold passed", percent=reached, used=use.used)

    def mqr_forecast(self, records: int) -> None:
        self.metrics.mqr_forecast.set(records)

    def committed(self, model: str, watermark_ns: int | None) -> None:
        if watermark_ns is not None:
            self.metrics.watermark.labels(model).set(watermark_ns / 1e9)

    def polled(self, model: str, result: str, now: float) -> None:
        self.metrics.polls.labels(model, result).inc()
        self.metrics.last_poll.labels(model).set(now)
        if result == "limit_reached":
            self.poll_state(
                model,
                "stopped",
                f"the MQR limit of {self._mqr.limit:,} is reached: no query until the next "
                "period, delivery and replay go on",
            )
        else:
            self.poll_state(model, "running", "")
        self._log.info("poll ended", model=model, result=result)

    def poll_error(self, model: str, kind: str) -> None:
        self.metrics.errors.labels("poll", model, kind).inc()

    def poll_state(self, model: str, state: str, reason: str) -> None:
        if self.models.get(model) != State(state, reason):
            self.models[model] = State(state, reason)
            for name in STATES:
                self.metrics.model_state.labels(model, name).set(name == state)
            self._say(state, reason, model=model)

    # --- consume and deliver -------------------------------------------------------------------

    def consumed(self, sync: str, rows: int) -> None:
        self.metrics.consumed.labels(sync).inc(rows)
        self._count("consumed", rows)

    def in_flight(self, sync: str, rows: Callable[[], int]) -> None:
        # Asked at each scrape: a figure from a moment ago would not add up with the others.
        self.metrics.in_flight.labels(sync).set_function(rows)

    def consumer_lag(self, sync: str, lag: Mapping[Partition, int]) -> None:
        self.metrics.lag.labels(sync).set(sum(lag.values()))

    def assigned_partitions(self, sync: str, partitions: int) -> None:
        self.metrics.assigned.labels(sync).set(partitions)

    def consume_error(self, sync: str, kind: str) -> None:
        self.metrics.errors.labels("consume", sync, kind).inc()
        self._log.warning("consuming failed, trying again", sync=sync, kind=kind)

    def outcome(self, sync: str, verdict: Verdict, rows: int) -> None:
        outcome, reason = outcome_label(verdict)
        self.metrics.rows.labels(sync, outcome, reason).inc(rows)
        self._count(outcome, rows)

    def given_back(self, sync: str, rows: int) -> None:
        self.metrics.rows.labels(sync, "given_back", "").inc(rows)
        self._count("given_back", rows)

    def call(self, sync: str, result: str, seconds: float, rows: int) -> None:
        self.metrics.calls.labels(sync, result).inc()
        self.metrics.call_seconds.labels(sync).observe(seconds)
        self._count("calls", 1)
        self._count("rate_limited", int(result == "throttled"))
        self._log.debug("call", sync=sync, result=result, seconds=round(seconds, 3), rows=rows)

    def fields(self, sync: str, created: int, left_out: int) -> None:
        self.metrics.fields.labels(sync, "created").inc(created)
        self.metrics.fields.labels(sync, "left_out").inc(left_out)

    def rate(self, sync: str, calls_per_second: Callable[[], float]) -> None:
        self.metrics.rate.labels(sync).set_function(calls_per_second)

    def delivered_at(self, sync: str, changed_at_ns: Sequence[int], now: float) -> None:
        freshness = self.metrics.freshness.labels(sync)
        for changed_at in changed_at_ns:
            freshness.observe(max(0.0, now - changed_at / 1e9))
        if changed_at_ns:
            self.counts["freshness_ms"] = int(max(0.0, now - changed_at_ns[-1] / 1e9) * 1000)

    def look_up(self, sync: str, result: str) -> None:
        self.metrics.look_ups.labels(sync, result).inc()
        self._count("look_ups", 1)

    def export(self, sync: str, result: str) -> None:
        self.metrics.exports.labels(sync, result).inc()
        if result == "incomplete":
            self._log.warning("an export of identifiers was not whole", sync=sync)

    def existence(self, sync: str, identifiers: int, began: float) -> None:
        self.metrics.identifiers.labels(sync).set(identifiers)
        self.metrics.exported.labels(sync).set(began)
        self._log.info("existence index", sync=sync, total=identifiers)

    def deliver_error(self, sync: str, kind: str) -> None:
        self.metrics.errors.labels("deliver", sync, kind).inc()

    def sync_state(self, sync: str, state: str, reason: str) -> None:
        if self.syncs.get(sync) != State(state, reason):
            self.syncs[sync] = State(state, reason)
            for name in STATES:
                self.metrics.sync_state.labels(sync, name).set(name == state)
            self._say(state, reason, sync=sync)

    # -------------------------------------------------------------------------------------------

    def _say(self, state: str, reason: str, **who: str) -> None:
        if state == "running":
            self._log.info("state", state=state, **who)
        else:
            self._log.warning("state", state=state, reason=reason, **who)

    def _count(self, name: str, amount: int) -> None:
        with self._lock:
            self.counts[name] = self.counts.get(name, 0) + amount
