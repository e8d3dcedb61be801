"""Results break off in the middle: no row is lost, none is published twice, MQR stays exact.

A result of 6,000 rows comes in chunks of 500, and the worker takes pages of 2,000 from it:

    cut from row 500   no page comes     2500   one page     5500   two pages
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.system import MODEL, SYNC, TABLE, System, installation, wait_until
from tests.faults import books
from worker.config.load import load_config

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]

ROWS, CHUNK_ROWS, PAGE_ROWS = 6_000, 500, 2_000
CUTS = (500, 2_500, 5_500)
RETRYABLE = 3


@pytest.fixture
def system(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """The whole table as the model, read by one statement that comes in twelve chunks."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=ROWS) as system:
        system.post("warehouse", "settings", {"chunk_rows": CHUNK_ROWS})
        configure(system, sql=f"SELECT * FROM {TABLE}")
        yield system


def configure(system: System, **model: object) -> None:
    """Change the model's settings; a broken download is not tried again for long."""
    config = yaml.safe_load(system.config_path.read_text())
    config["models"][MODEL] |= model
    config["syncs"][SYNC] |= {"every": "0.2s"}
    config["sources"]["snowflake"]["connection"] |= {"retry_max_attempts": 1}
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
    system.config = load_config(system.config_path)


def cut(system: System, row: int) -> None:
    """From now on every result breaks off at a row; 0 heals it."""
    system.post("warehouse", "faults", {"cut_from_row": row})


def poll_once(system: System) -> int:
    """Poll to the end, or to the cut; return the exit code."""
    return system.start("poll", "--once").process.wait(timeout=60)


@pytest.mark.timeout(60)
def test_cut_at_one_row_after_the_other_while_rows_change(system: System) -> None:
    """Whole pages before the cut are kept, the rest is read again; what changed comes once."""
    for number, row in enumerate(CUTS):
        cut(system, row)
        assert RETRYABLE == poll_once(system)
        commit = books.ledger_entries(system)[-1]
        assert ("commit", row // PAGE_ROWS * PAGE_ROWS) == (commit.kind, commit.rows_read)
        system.post("warehouse", "trickle", {"rows": 500, "seed": number})
    assert f"did not answer while reading model {MODEL}" in system.logs()

    cut(system, 0)
    assert 0 == poll_once(system)
    assert_topic_is_model(system)


@pytest.mark.timeout(60)
def test_a_running_poller_goes_on_by_itself(system: System) -> None:
    """It says what it waits for, tries again, and needs nobody once results are whole."""
    cut(system, 2_500)
    worker = system.start("poll")
    broken = {"stage": "poll", "kind": "snowflake_unavailable"}
    assert wait_until(lambda: worker.metric("hightide_errors_total", **broken) >= 1)
    retrying = {"model": MODEL, "state": "retrying"}
    assert wait_until(lambda: worker.metric("hightide_model_state", **retrying) == 1)
    assert 0.0 == worker.metric("hightide_polls_total", result="complete")
    system.post("warehouse", "trickle", {"rows": 500})

    cut(system, 0)
    assert wait_until(lambda: worker.metric("hightide_polls_total", result="complete") >= 1)
    assert 0 == worker.terminate()
    assert_topic_is_model(system)


@pytest.mark.timeout(60)
def test_rows_that_left_between_cut_and_healing_are_charged(system: System) -> None:
    """The statement had returned all 6,000; a hundred that nobody saw are gone: in doubt."""
    configure(system, overlap="0s")
    cut(system, 2_500)
    assert RETRYABLE == poll_once(system)
    cut(system, 0)
    last = sorted(books.model_rows(system))[-100:]
    system.execute(f"DELETE FROM {TABLE} WHERE {books.KEY} >= '{last[0]}'")

    assert 0 == poll_once(system)
    entries = books.ledger_entries(system)
    assert (ROWS - 100, 0) == books.counted(entries)
    assert 100 == sum(entry.uncertain for entry in entries)
    assert 0 == entries[-1].reserved


def assert_topic_is_model(system: System) -> None:
    """Every row stands in the topic as it is now, each version once, and each key is counted."""
    model, topic = books.model_rows(system), books.topic_rows(system)
    entries = books.ledger_entries(system)
    assert model == topic.newest
    assert 0 == topic.repeated
    assert (ROWS, 0) == books.counted(entries)
    assert (0, 0) == (entries[-1].reserved, sum(entry.uncertain for entry in entries))
