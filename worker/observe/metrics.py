"""Every series this process shows, declared once: name, labels, help.

Label sets are closed and start at 0, so that a rate over a series that never moved is 0 and not
absent. Times are timestamps, never ages: an age stands still when the process does.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from connectors.records import RejectReason, SkipReason

STATES = ("running", "retrying", "stopped")
READ_RESULTS = ("published", "unchanged", "too_large")
UNUSABLE = ("null_key", "null_watermark", "duplicate_key")
POLL_RESULTS = ("complete", "unchanged", "limit_reached")
CALL_RESULTS = (
    "ok",
    "refused",
    "throttled",
    "timeout",
    "network",
    "server_error",
    "unreadable",
    "configuration",
)
LOOK_UP_RESULTS = ("found", "absent", "refused", "failed")
EXPORT_RESULTS = ("ok", "failed", "incomplete")
OUTCOMES: tuple[tuple[str, str], ...] = (
    ("delivered", ""),
    ("unchanged", ""),
    ("given_back", ""),
    *(("skipped", reason.value) for reason in SkipReason),
    *(("rejected", reason.value) for reason in RejectReason),
)
CALL_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
FRESHNESS_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)


class Metrics:
    """The series of one process, in a registry of its own."""

    def __init__(self, models: Iterable[str], syncs: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own gap
        r = self.registry = CollectorRegistry()
        ProcessCollector(registry=r)
        model, sync = ("model",), ("sync",)
        # --- poll and publish
        self.rows_read = Counter(
            "hightide_source_rows_total",
            "Rows read from the source: published, unchanged, or too large for the topic.",
            (*model, "result"),
            registry=r,
        )
        self.rows_deleted = Counter(
            "hightide_source_rows_deleted_total",
            "Rows that left a model and got a delete record.",
            model,
            registry=r,
        )
        self.unusable_rows = Gauge(
            "hightide_source_unusable_rows",
            "Rows of the model that no poll returns, or that share a key with another row.",
            (*model, "reason"),
            registry=r,
        )
        self.later_rows = Gauge(
            "hightide_source_later_rows",
            "Rows whose watermark is not settled yet; if they stay, it lies in the future.",
            model,
            registry=r,
        )
        self.superseded = Counter(
            "hightide_superseded_rows_total",
            "Rows in the topic of a poller that had been replaced; they are read again.",
            model,
            registry=r,
        )
        self.index_left = Gauge(
            "hightide_index_records_left",
            "Records of the topic that the index has yet to read.",
            model,
            registry=r,
        )
        self.polls = Counter(
            "hightide_polls_total",
            "Polls that came to an end, by result.",
            (*model, "result"),
            registry=r,
        )
        self.last_poll = Gauge(
            "hightide_source_last_poll_timestamp_seconds",
            "When a poll last came to an end; 0 before the first.",
            model,
            registry=r,
        )
        self.watermark = Gauge(
            "hightide_source_watermark_timestamp_seconds",
            "Change time up to which every row is in Kafka; 0 before the first commit.",
            model,
            registry=r,
        )
        self.model_state = Gauge(
            "hightide_model_state",
            "1 for the state a model is in.",
            (*model, "state"),
            registry=r,
        )
        # --- MQR
        self.mqr_used = Gauge(
            "hightide_mqr_used_records",
            "Distinct records queried in the billing period.",
            registry=r,
        )
        self.mqr_reserved = Gauge(
            "hightide_mqr_reserved_records",
            "Records a running query may still add.",
            registry=r,
        )
        self.mqr_uncertain = Gauge(
            "hightide_mqr_uncertain_records",
            "Records charged because a query broke off and they were gone when it was repeated.",
            registry=r,
        )
        self.mqr_forecast = Gauge(
            "hightide_mqr_forecast_records",
            "Records the billing period will have counted at its end, at its last days' pace.",
            registry=r,
        )
        self.mqr_limit = Gauge(
            "hightide_mqr_limit_records", "Records the contract permits a period.", registry=r
        )
        self.mqr_period_end = Gauge(
            "hightide_mqr_period_end_timestamp_seconds",
            "When the billing period ends; 0 before the first poll.",
            registry=r,
        )
        # --- consume and deliver
        self.consumed = Counter(
            "hightide_consumed_rows_total",
            "Rows taken from the topic; the sum of outcomes and rows in flight.",
            sync,
            registry=r,
        )
        self.rows = Counter(
            "hightide_rows_total",
            "Rows by outcome and reason; given_back went to another process, unsent.",
            (*sync, "outcome", "reason"),
            registry=r,
        )
        self.in_flight = Gauge(
            "hightide_in_flight_rows", "Rows consumed that have no outcome yet.", sync, registry=r
        )
        self.lag = Gauge(
            "hightide_consumer_lag_records",
            "Messages between committed offset and log end, over this process's partitions.",
            sync,
            registry=r,
        )
        self.assigned = Gauge(
            "hightide_assigned_partitions", "Partitions this process has.", sync, registry=r
        )
        self.calls = Counter(
            "hightide_calls_total",
            "Calls to the destination by result.",
            (*sync, "result"),
            registry=r,
        )
        self.call_seconds = Histogram(
            "hightide_call_duration_seconds",
            "How long calls took.",
            sync,
            buckets=CALL_BUCKETS,
            registry=r,
        )
        self.rate = Gauge(
            "hightide_permitted_calls_per_second",
            "Calls a second this process allows itself right now.",
            sync,
            registry=r,
        )
        self.fields = Counter(
            "hightide_fields_total",
            "Fields that calls created at the destination, or that it left out of them.",
            ["sync", "result"],
            registry=r,
        )
        self.freshness = Histogram(
            "hightide_freshness_seconds",
            "From the change in the model to the destination's yes, by row.",
            sync,
            buckets=FRESHNESS_BUCKETS,
            registry=r,
        )
        self.look_ups = Counter(
            "hightide_existence_look_ups_total",
            "Profiles asked about one by one in update mode, by result.",
            (*sync, "result"),
            registry=r,
        )
        self.exports = Counter(
            "hightide_existence_exports_total",
            "Exports of all identifiers; incomplete: look-ups found somebody it should have held.",
            (*sync, "result"),
            registry=r,
        )
        self.identifiers = Gauge(
            "hightide_existence_index_identifiers",
            "Identifiers in the newest export.",
            sync,
            registry=r,
        )
        self.exported = Gauge(
            "hightide_existence_index_timestamp_seconds",
            "When the newest export began; 0 before the first.",
            sync,
            registry=r,
        )
        self.sync_state = Gauge(
            "hightide_sync_state", "1 for the state a sync is in.", (*sync, "state"), registry=r
        )
        # --- all
        self.errors = Counter(
            "hightide_errors_total",
            "Failures by stage and kind; a passing one is tried again.",
            ("stage", "name", "kind"),
            registry=r,
        )
        self.build = Gauge("hightide_build_info", "1, with the version.", ("version",), registry=r)
        self.build.labels(version("hightide")).set(1)
        self._start_models(models)
        self._start_syncs(syncs)

    def _start_models(self, models: Iterable[str]) -> None:
        for model in models:
            for result in READ_RESULTS:
                self.rows_read.labels(model, result)
            for result in POLL_RESULTS:
                self.polls.labels(model, result)
            for state in STATES:
                self.model_state.labels(model, state)
            for reason in UNUSABLE:
                self.unusable_rows.labels(model, reason)
            for counter in (self.rows_deleted, self.superseded):
                counter.labels(model)
            for gauge in (self.last_poll, self.watermark, self.index_left, self.later_rows):
                gauge.labels(model)

    def _start_syncs(self, syncs: Iterable[str]) -> None:
        for sync in syncs:
            for outcome, reason in OUTCOMES:
                self.rows.labels(sync, outcome, reason)
            for result in ("created", "left_out"):
                self.fields.labels(sync, result)
            for result in CALL_RESULTS:
                self.calls.labels(sync, result)
            for result in LOOK_UP_RESULTS:
                self.look_ups.labels(sync, result)
            for result in EXPORT_RESULTS:
                self.exports.labels(sync, result)
            for state in STATES:
                self.sync_state.labels(sync, state)
            for gauge in (self.identifiers, self.exported):
                gauge.labels(sync)
            for one in (self.consumed, self.in_flight, self.lag, self.assigned, self.rate):
                one.labels(sync)
            self.call_seconds.labels(sync)
            self.freshness.labels(sync)

    def text(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self.registry)
