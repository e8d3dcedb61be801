"""Crashes in the middle: both halves are killed at work, and every profile still ends equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.system import MODEL, SYNC, System, installation, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
def large(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """30,000 contacts, of which about 10,000 are in the model: enough to be in the middle of."""
    prefix = topic_prefix.rstrip("-")
    with installation(
        tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=30_000, latency_ms="80:160"
    ) as installed:
        yield installed


def test_poll_and_deliver_killed_in_the_middle_end_equal(large: System) -> None:
    """SIGKILL to poll in its first page and to deliver between calls loses and doubles nothing."""
    large.look_at_model()
    rows = len(large.oracle.expected)

    poll = large.start("poll")
    assert wait_until(lambda: poll.metric("hightide_source_rows_total") > 0)
    poll.kill()
    deliver = large.start("deliver")
    poll = large.start("poll")
    assert wait_until(lambda: deliver.metric("hightide_rows_total", outcome="delivered") > 0, 60)
    deliver.kill()
    deliver = large.start("deliver")
    verdict = large.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)

    # Users that enter the model now get no profile: it would come after the running poll.
    large.post("warehouse", "build", {"seed": 2})
    large.look_at_model(plant=False)
    verdict = large.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert len(large.oracle.content) >= rows
    assert wait_until(
        lambda: poll.metric("hightide_mqr_used_records") == len(large.oracle.content)
    ), "MQR counts each key once, also those read twice because of the crash"
    assert 0 == poll.terminate()
    assert 0 == deliver.terminate()


def test_sigterm_drains_and_exits_0(system: System) -> None:
    """SIGTERM in the middle of a delivery: exit 0 in time, and no row is lost or sent anew."""
    system.look_at_model()
    system.post("iterable", "settings", {"latency_ms": "400:600"})
    poll, deliver = system.start("poll"), system.start("deliver")
    assert wait_until(lambda: deliver.metric("hightide_in_flight_rows", sync=SYNC) > 0, 60)
    assert 0 == deliver.terminate()
    assert 0 == poll.terminate()

    journal = system.get("journal").splitlines()
    again = system.start("run")
    verdict = system.wait_until_equal()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert 0 == again.terminate()
    assert len(system.get("journal").splitlines()) >= len(journal)
    assert "started" in system.logs()
    assert MODEL in system.logs()


def test_a_deleted_state_directory_costs_nothing(system: System) -> None:
    """Without its index the poller rebuilds it from the topics: nothing is published again."""
    system.look_at_model()
    first = system.start("run")
    assert wait_until(lambda: first.metric("hightide_polls_total", result="complete") > 0, 60)
    published = first.metric("hightide_source_rows_total", result="published")
    used = first.metric("hightide_mqr_used_records")
    assert 0 == first.terminate()
    for file in (system.folder / "state").iterdir():
        file.unlink()

    second = system.start("run")
    assert wait_until(lambda: second.metric("hightide_polls_total", result="complete") > 0, 60)
    assert 0.0 == second.metric("hightide_source_rows_total", result="published")
    assert published == second.metric("hightide_source_rows_total", result="unchanged")
    assert used == second.metric("hightide_mqr_used_records")
    assert 0 == second.terminate()
