"""A billing period ends, by the warehouse's clock: what is read from then on counts anew.

Los Angeles   30 November 23:00    |   1 December 01:00
UTC            1 December 07:00    |   1 December 09:00
counts into   2026-11-01           |   2026-12-01
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.e2e.system import (
    MODEL,
    PASSWORD,
    TABLE,
    System,
    WorkerProcess,
    installation,
    wait_until,
)
from tests.faults import books
from worker.config.load import load_config
from worker.operate.demo.oracle import read_model

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(60)]

ROWS = 2_000
CHANGED = 40
LIMIT = 700
LIMIT_REACHED = 4
HERE = ZoneInfo("America/Los_Angeles")
HOUR = timedelta(hours=1)


@pytest.fixture
def system(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """The whole table as the model, an hour before the end of a period in Los Angeles."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=ROWS) as system:
        configure(system, sql=f"SELECT * FROM {TABLE}")
        set_clock(system, midnight() - HOUR)
        yield system


def configure(system: System, limit: int = 1_500_000, **model: object) -> None:
    """Change the contract and the model's settings."""
    config = yaml.safe_load(system.config_path.read_text())
    config["models"][MODEL] |= model
    config["mqr"] |= {"limit": limit, "zone": HERE.key, "start_day": 1}
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
    system.config = load_config(system.config_path)


def midnight(months: int = 1) -> datetime:
    """The first moment of the month that comes so many months after this one."""
    now = datetime.now(HERE)  # noqa: TID251  # the stand-in's clock is moved from this one
    year, month = divmod(now.year * 12 + now.month - 1 + months, 12)
    return datetime(year, month + 1, 1, tzinfo=HERE)


def set_clock(system: System, moment: datetime) -> None:
    """Let the warehouse believe that it is some other time, from where its clock goes on."""
    now = datetime.now(UTC)  # noqa: TID251  # the stand-in's clock is moved from this one
    ahead = int((moment.astimezone(UTC) - now).total_seconds())
    system.post("warehouse", "settings", {"clock_ahead_seconds": ahead})


def period(months: int) -> str:
    """The name of the period that starts so many months after this one."""
    return midnight(months).date().isoformat()


def poll_once(system: System) -> int:
    """Poll in a process of its own; return its exit code."""
    return system.start("poll", "--once").process.wait(timeout=60)


def counted(system: System, months: int) -> int:
    """The keys a period counted, none of them twice."""
    entries = [e for e in books.ledger_entries(system) if e.period == period(months)]
    keys, twice = books.counted(entries)
    assert (0, 0) == (twice, sum(entry.uncertain for entry in entries))
    assert keys == max((entry.used for entry in entries), default=0)
    return keys


def rows_since(system: System, moment: datetime) -> int:
    """The rows that say they changed since, by the warehouse itself."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
    source = {**system.config.sources["snowflake"].connection, "password": PASSWORD}
    return len(read_model(source, f"SELECT * FROM {TABLE} WHERE LAST_CHANGED >= '{text}'"))


def test_a_new_period_counts_from_0_and_only_what_is_read_again(system: System) -> None:
    """On the first the overlap below the watermark is read: that counts, and nothing is sent."""
    system.post("warehouse", "trickle", {"rows": CHANGED, "seed": 1})
    assert 0 == poll_once(system)
    assert (ROWS, 0) == (counted(system, 0), counted(system, 1))
    published = books.record_count(system)

    set_clock(system, midnight() + HOUR)
    assert 0 == poll_once(system)
    assert CHANGED == rows_since(system, midnight() - 2 * HOUR)
    assert (ROWS, CHANGED) == (counted(system, 0), counted(system, 1))
    assert published == books.record_count(system)

    system.post("warehouse", "trickle", {"rows": CHANGED, "seed": 2})
    assert 0 == poll_once(system)
    again = rows_since(system, midnight() - 2 * HOUR)
    assert (ROWS, again) == (counted(system, 0), counted(system, 1))
    assert published + CHANGED == books.record_count(system)


def test_a_poller_that_runs_on_begins_the_new_period_by_itself(system: System) -> None:
    """Nothing changed; with the next forced poll its metrics are those of the new period.

    One that is started in the period after it reads at once too.
    """
    system.post("warehouse", "trickle", {"rows": CHANGED})
    worker = system.start("poll")
    # The second poll keeps the change token: from then on only a forced one asks for rows.
    assert wait_until(lambda: worker.metric("hightide_polls_total", result="complete") >= 2)
    assert ROWS == worker.metric("hightide_mqr_used_records")
    end = "hightide_mqr_period_end_timestamp_seconds"
    assert midnight().timestamp() == worker.metric(end)

    set_clock(system, midnight() + HOUR)
    assert wait_until(lambda: worker.metric("hightide_mqr_used_records") == CHANGED)
    assert midnight(2).timestamp() == worker.metric(end)
    assert 0 == worker.terminate()
    assert (ROWS, CHANGED, 0) == tuple(counted(system, month) for month in range(3))

    set_clock(system, midnight(2) + HOUR)
    assert 0 == poll_once(system)
    assert (ROWS, CHANGED, CHANGED) == tuple(counted(system, month) for month in range(3))


def test_the_limit_holds_in_each_period(system: System) -> None:
    """700 of 2,000 rows a month: met twice to the row, and the third month has the last 600."""
    configure(system, LIMIT, overlap="0s")
    assert LIMIT_REACHED == poll_once(system)
    assert (LIMIT, 0) == (counted(system, 0), counted(system, 1))

    set_clock(system, midnight(1) + HOUR)
    assert LIMIT_REACHED == poll_once(system) == poll_once(system)
    assert (LIMIT, LIMIT, 0) == tuple(counted(system, month) for month in range(3))

    set_clock(system, midnight(2) + HOUR)
    assert 0 == poll_once(system)
    assert (LIMIT, LIMIT, ROWS - 2 * LIMIT) == tuple(counted(system, month) for month in range(3))
    assert books.model_rows(system) == books.topic_rows(system).newest


def test_a_statement_counts_into_the_period_in_which_it_began(system: System) -> None:
    """Midnight comes while the first of four is read: its 500 rows count before, the rest after."""
    configure(system, max_rows_per_query=500)
    poller = frozen_with_a_page_in_hand(system)

    set_clock(system, midnight() + HOUR)
    poller.process.send_signal(signal.SIGCONT)
    assert 0 == poller.process.wait(timeout=30), system.logs()
    assert (500, 1_500) == (counted(system, 0), counted(system, 1))
    assert 0 == books.ledger_entries(system)[-1].reserved


def frozen_with_a_page_in_hand(system: System) -> WorkerProcess:
    """A poller that stands still in the middle of its first statement."""
    moment = ["tests.faults.frozen_at", "queried, first page in hand", "1"]
    command = [sys.executable, "-m", *moment, "poll", "--once", "-c", str(system.config_path)]
    state = {"HIGHTIDE_STATE_DIR": str(system.folder / "state"), "HIGHTIDE_PORT": "0"}
    log = system.folder / "frozen.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # our own command
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **state}
        )
    system.workers.append(WorkerProcess(process, 0, log))
    status = Path(f"/proc/{process.pid}/stat")
    assert wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T")
    return system.workers[-1]
