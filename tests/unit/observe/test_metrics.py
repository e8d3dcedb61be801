"""Series exist before anything moved, are few, and their labels come from closed lists."""

from __future__ import annotations

import re

import pytest

from connectors.records import (
    Delivered,
    Partition,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Survey,
    Unchanged,
    Verdict,
)
from worker.observe.meter import Meter
from worker.rules.mqr import MqrPolicy, MqrUse


def meter() -> Meter:
    return Meter(["people"], ["people-to-iterable"], MqrPolicy())


def series(made: Meter) -> dict[str, float]:
    text = made.metrics.text().decode()
    found = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in found}


def value(made: Meter, name: str, **labels: str) -> float:
    text = ",".join(f'{key}="{label}"' for key, label in labels.items())
    return series(made)[f"{name}{{{text}}}" if text else name]


def test_one_model_and_one_sync_are_at_most_200_series() -> None:
    """A hundred syncs must stay affordable."""
    assert 50 < len(series(meter())) <= 200


def test_no_series_says_when_it_was_created() -> None:
    """`_created` doubles the number of series and nobody asks for it."""
    assert [] == [name for name in series(meter()) if "_created" in name]


VERDICTS: list[Verdict] = [
    Delivered(),
    Unchanged(),
    *(Skipped(reason) for reason in SkipReason),
    *(Rejected(reason, 400) for reason in RejectReason),
]


def use(made: Meter) -> None:
    """Report everything that stages can report."""
    sync, model = "people-to-iterable", "people"
    for verdict in VERDICTS:
        made.outcome(sync, verdict, 2)
    for result in ("ok", "refused", "throttled", "network", "configuration", "timeout"):
        made.call(sync, result, 0.1, 10)
    for state in ("retrying", "stopped", "running"):
        made.sync_state(sync, state, "why")
        made.poll_state(model, state, "why")
    for end in ("complete", "unchanged", "limit_reached"):
        made.polled(model, end, 1.0)
    made.rows_read(model, published=3, unchanged=4, too_large=1)
    made.rows_deleted(model, 2)
    made.surveyed(model, Survey(8, 1, 2, 3))
    made.superseded(model, 1)
    made.catching_up(model, 1, 5)
    made.consumed(sync, 5)
    made.given_back(sync, 1)
    made.in_flight(sync, lambda: 3)
    made.consumer_lag(sync, {Partition("t", 0): 4, Partition("t", 1): 5})
    made.assigned_partitions(sync, 2)
    made.rate(sync, lambda: 4.5)
    made.fields(sync, 2, 1)
    made.delivered_at(sync, [10**9], 11.0)
    made.committed(model, 2 * 10**9)
    made.mqr(MqrUse("2026-11-01", used=7, reserved=3, uncertain=2))
    made.mqr_forecast(30)
    for result in ("found", "absent", "failed"):
        made.look_up(sync, result)
    for result in ("ok", "failed", "incomplete"):
        made.export(sync, result)
    made.existence(sync, 1_000, 60.0)


def test_every_series_is_there_before_anything_moved() -> None:
    """A rate over a series that never moved is 0, not absent: only errors come as they happen."""
    made = meter()
    before = set(series(made))
    use(made)

    assert before == set(series(made))


@pytest.mark.parametrize("kind", ["network", "api_key"])
def test_errors_come_with_stage_and_kind(kind: str) -> None:
    """Their kinds are too many to be shown before they happen."""
    made = meter()
    made.deliver_error("people-to-iterable", kind)
    labels = {"stage": "deliver", "name": "people-to-iterable", "kind": kind}

    assert (
        1.0
        == series(made)[
            "hightide_errors_total{" + ",".join(f'{k}="{labels[k]}"' for k in sorted(labels)) + "}"
        ]
    )


def test_a_state_is_one_of_three() -> None:
    """The one that holds is 1, the others are 0; at the start it is running."""
    made = meter()
    states = ("running", "retrying", "stopped")

    def shown() -> list[float]:
        names = [f'hightide_sync_state{{state="{s}",sync="people-to-iterable"}}' for s in states]
        return [series(made)[name] for name in names]

    assert [1.0, 0.0, 0.0] == shown()
    made.sync_state("people-to-iterable", "stopped", "the key is revoked")
    assert [0.0, 0.0, 1.0] == shown()
    assert "the key is revoked" == made.syncs["people-to-iterable"].reason


def test_figures_are_what_was_reported() -> None:
    """Used, reserved, lag and freshness, with times as timestamps."""
    made = meter()
    use(made)

    assert (7.0, 3.0) == (
        value(made, "hightide_mqr_used_records"),
        value(made, "hightide_mqr_reserved_records"),
    )
    assert (2.0, 30.0) == (
        value(made, "hightide_mqr_uncertain_records"),
        value(made, "hightide_mqr_forecast_records"),
    )
    assert (2.0, 1.0, 4.0) == (
        value(made, "hightide_source_rows_deleted_total", model="people"),
        value(made, "hightide_superseded_rows_total", model="people"),
        value(made, "hightide_index_records_left", model="people"),
    )
    assert 9.0 == value(made, "hightide_consumer_lag_records", sync="people-to-iterable")
    assert 2.0 == value(made, "hightide_source_watermark_timestamp_seconds", model="people")
    assert 10.0 == value(made, "hightide_freshness_seconds_sum", sync="people-to-iterable")
    assert 1_764_547_200.0 + 365 * 86_400 == value(
        made, "hightide_mqr_period_end_timestamp_seconds"
    )


def test_rows_that_can_not_be_used_are_counted_by_reason() -> None:
    """As the newest survey found them: mended, they are gone from the figure too."""
    made = meter()

    def shown() -> list[float]:
        reasons = ("null_key", "null_watermark", "duplicate_key")
        name = "hightide_source_unusable_rows"
        return [value(made, name, model="people", reason=reason) for reason in reasons]

    assert [0.0, 0.0, 0.0] == shown()
    made.surveyed("people", Survey(8, null_keys=1, null_watermarks=2, duplicate_keys=3))
    assert [1.0, 2.0, 3.0] == shown()
    made.surveyed("people", Survey(8))
    assert [0.0, 0.0, 0.0] == shown()


def test_labels_hold_names_and_closed_words_only() -> None:
    """No key, no address, no sentence, no path."""
    made = meter()
    use(made)
    labels = {key for name in series(made) for key in re.findall(r'(\w+)="', name)}

    assert {"model", "sync", "state", "result", "outcome", "reason", "le", "version"} == labels
