"""The broker dies and freezes under both halves: nothing is lost, and a stop stays quick."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.system import installation, wait_until
from tests.faults.conftest import Broker

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]


def test_a_broker_killed_and_started_again(tmp_path: Path, broker: Broker) -> None:
    """Killed while rows are published and delivered, back seconds later: every profile equal."""
    with installation(
        tmp_path, broker.bootstrap, broker.kind, "killed", rows=20_000, latency_ms="80:160"
    ) as system:
        system.look_at_model()
        worker = system.start("run")
        assert wait_until(lambda: worker.metric("hightide_source_rows_total") > 0, 60)
        os.kill(broker.pid, signal.SIGKILL)
        broker.process.stop()
        broker.start_again()
        verdict = system.wait_until_equal(90)
        assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
        assert worker.process.poll() is None, "the worker lives through it"
        counted = worker.metric("hightide_mqr_used_records")
        assert len(system.oracle.content) == counted
        assert 0 == worker.terminate()


def test_sigterm_with_the_broker_frozen(tmp_path: Path, broker: Broker) -> None:
    """A broker that answers nothing does not keep a process from leaving within 25 s."""
    with installation(tmp_path, broker.bootstrap, broker.kind, "frozen", rows=2_000) as system:
        system.look_at_model()
        worker = system.start("run")
        assert wait_until(lambda: worker.metric("hightide_rows_total", outcome="delivered") > 0, 60)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            time.sleep(2)  # noqa: TID251  # let calls to it be under way
            assert 0 == worker.terminate(within_seconds=28)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
