"""A minute of the soak: faults in an order that the seed decides, and books that always balance."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_a_minute_of_everything() -> None:
    """At each second consumed = outcomes + in flight; every profile equals the model at the end."""
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "1", "--seed", "5", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)

    assert [] == report["broken"]
    assert 0 == done.returncode
    assert report["scrapes"] > 60
    assert sum(report["faults"].values()) >= 3
    assert report["profiles"] == report["equal"] > 0
