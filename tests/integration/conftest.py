"""The installation that the tests of operator commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.installation import Installation
from tests.stand_ins import StandIn


@pytest.fixture
def installation(
    tmp_path: Path,
    kafka_bootstrap: str,
    kafka_kind: str,
    warehouse: StandIn,
    iterable: StandIn,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    """The user's own setup on stand-ins; topics and groups are the test's own."""
    made = Installation(tmp_path, kafka_bootstrap, kafka_kind, warehouse, iterable, topic_prefix)
    made.set_secrets(monkeypatch)
    return made
