"""A daily build over 200,000 rows whose arrays flap: exactly what really changed is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.system import MODEL, SYNC, TABLE, System, installation
from tests.faults import books

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(400)]

ROWS = 200_000


@pytest.fixture
def whole_table(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """A model of the whole table, as the user's dbt builds it."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=ROWS) as installed:
        config = yaml.safe_load(installed.config_path.read_text())
        config["models"][MODEL] |= {"sql": f"SELECT * FROM {TABLE}"}  # our constant
        config["syncs"][SYNC] |= {"mode": "upsert"}
        installed.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
        yield installed


def test_only_what_really_changed_is_published(whole_table: System) -> None:
    """Four times as many rows look changed as are: only these and new ones go to the topic."""
    system = whole_table
    assert 0 == system.start("poll", "--once").process.wait(timeout=180), system.logs()
    assert ROWS == books.record_count(system)

    built = system.post("warehouse", "build", {"seed": 3})
    assert built["flapped"] > 3 * built["changed"] > 0
    assert 0 == system.start("poll", "--once").process.wait(timeout=180), system.logs()

    # A new e-mail address is a new key with its old LAST_CHANGED, which here lies in the overlap.
    news = built["new"] + built["emails"]
    assert ROWS + built["changed"] + news == books.record_count(system)
    assert (ROWS + news, 0) == books.counted(books.ledger_entries(system))
