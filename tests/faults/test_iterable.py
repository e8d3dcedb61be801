"""Iterable refuses, breaks, lies and slows down: every profile ends equal, within the limit."""

from __future__ import annotations

import json

import pytest

from tests.e2e.system import SYNC, System, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BULK = "/api/users/bulkUpdate"


def test_a_storm_of_faults_ends_equal(system: System) -> None:
    """429 as JSON and text, 5xx, HTML, calls cut before and after they were applied."""
    kinds = ("429_json", "500", "cut_after_apply", "html", "429_text", "503", "cut_before_apply")
    for kind in kinds:
        order = {"kind": kind, "endpoint": BULK, "count": 2, "probability": 0.6, "seed": 5}
        system.post("iterable", "faults", order)
    system.look_at_model()
    worker = system.start("run")
    verdict = system.wait_until_equal(120)
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert wait_until(lambda: worker.metric("hightide_in_flight_rows", sync=SYNC) == 0)
    consumed = worker.metric("hightide_consumed_rows_total", sync=SYNC)
    settled = worker.metric("hightide_rows_total", sync=SYNC)
    assert consumed == settled, "consumed = delivered + … + given back, with nothing in flight"
    assert 0.0 == worker.metric("hightide_rows_total", outcome="rejected")
    stats = json.loads(system.get("stats"))
    assert stats["busiest_second"][BULK] <= 5
    assert 0 == worker.terminate()


def test_members_that_come_and_go(system: System) -> None:
    """Deliver processes join, leave and are killed while rows flow: nothing is lost."""
    system.post("iterable", "settings", {"latency_ms": "150:300"})
    system.look_at_model()
    poll, first = system.start("poll"), system.start("deliver")
    assert wait_until(lambda: first.metric("hightide_rows_total", outcome="delivered") > 0, 60)
    second = system.start("deliver")
    system.post("warehouse", "trickle", {"rows": 1_500})
    system.look_at_model(plant=False)
    assert wait_until(lambda: second.metric("hightide_assigned_partitions", sync=SYNC) > 0, 60)
    first.kill()
    third = system.start("deliver")
    system.post("warehouse", "trickle", {"rows": 1_500})
    system.look_at_model(plant=False)
    assert wait_until(lambda: third.metric("hightide_assigned_partitions", sync=SYNC) > 0, 60)
    assert 0 == second.terminate()
    verdict = system.wait_until_equal(90)
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert 0 == third.terminate()
    assert 0 == poll.terminate()
