"""Calls that are applied and never answered: the same rows again, before anything newer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.system import SYNC, System, WorkerProcess, installation, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]

BULK = "/api/users/bulkUpdate"
CUT_SHARE = 0.3


@pytest.fixture
def system(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """12,000 contacts, of which about 4,000 are in the model."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=12_000) as made:
        yield made


def answered_rows(system: System) -> tuple[int, int]:
    """Rows of the calls that were answered, and the number of those that were not."""
    calls = [json.loads(line) for line in system.get("journal").splitlines()]
    bulk = [call for call in calls if call["path"] == BULK]
    cut = [call for call in bulk if call.get("fault") == "cut_after_apply"]
    return sum(call["rows"] for call in bulk if call not in cut), len(cut)


def has_consumed(worker: WorkerProcess, rows: float) -> bool:
    """Whether more rows than these were consumed."""
    return worker.metric("hightide_consumed_rows_total", sync=SYNC) > rows


def test_three_in_ten_answers_are_lost(system: System) -> None:
    """Every profile equal in the end; nothing goes out again but what a lost answer was about.

    So with three in ten lost a row is sent 1 / 0.7 = 1.43 times on average.
    """
    order = {"kind": "cut_after_apply", "endpoint": BULK, "count": 10_000, "seed": 4}
    system.post("iterable", "faults", {**order, "probability": CUT_SHARE})
    system.look_at_model()
    worker = system.start("run")
    for seed in range(12):
        before = worker.metric("hightide_consumed_rows_total", sync=SYNC)
        system.post("warehouse", "trickle", {"rows": 300, "seed": seed})
        system.look_at_model(plant=False)
        assert wait_until(partial(has_consumed, worker, before), 60)
    verdict = system.wait_until_equal(90)

    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert wait_until(lambda: worker.metric("hightide_in_flight_rows", sync=SYNC) == 0)
    consumed = worker.metric("hightide_consumed_rows_total", sync=SYNC)
    rows, cut = answered_rows(system)
    assert cut >= 3
    assert rows <= consumed
    assert consumed == worker.metric("hightide_rows_total", sync=SYNC)
    assert 0 == worker.terminate()
