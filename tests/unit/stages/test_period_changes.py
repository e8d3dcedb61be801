"""Start day or zone of the billing period are changed: what was counted still counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import RetryableError
from tests.fakes_polling import CrashError, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.mqr import MqrPolicy, overlaps, period_of
from worker.rules.watermark import NS

KEYS = tuple("abcdefghij")
OTHERS = tuple("klmnopqrst")
FROM_THE_1ST = MqrPolicy(limit=12)
FROM_THE_20TH = MqrPolicy(limit=12, start_day=20)


@pytest.fixture
def outside() -> Outside:
    """Ten rows, at noon of 24 November."""
    made = Outside()
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


async def polled(outside: Outside, path: Path, mqr: MqrPolicy) -> str:
    made = await Process(outside, path, mqr=mqr).start()
    try:
        return await made.poll.poll_once()
    finally:
        made.close()


async def test_a_new_start_day_gives_no_new_records(outside: Outside, tmp_path: Path) -> None:
    """Ten of twelve are used; set to the 20th on the 24th, two are left, too few for a poll."""
    await polled(outside, tmp_path, FROM_THE_1ST)
    outside.write("one", *OTHERS)
    outside.clock_ns += NS
    assert "limit_reached" == await polled(outside, tmp_path, FROM_THE_20TH)

    assert 10 == len(outside.returned)
    last = outside.ledger[-1]
    assert ("2026-11-20", 10) == (last.period, last.used)


async def test_counted_over_once_and_by_model(outside: Outside, tmp_path: Path) -> None:
    """A second start finds it done; the models stay apart."""
    await polled(outside, tmp_path, FROM_THE_1ST)
    await polled(outside, tmp_path, FROM_THE_20TH)
    entries = [e for e in outside.ledger if e.period == "2026-11-20" and e.new_keys]
    await polled(outside, tmp_path / "anew", FROM_THE_20TH)

    assert entries
    assert entries == [e for e in outside.ledger if e.period == "2026-11-20" and e.new_keys]
    assert {"people"} == {e.model for e in outside.ledger}


async def test_a_crash_while_counting_over_is_made_good(outside: Outside, tmp_path: Path) -> None:
    """Before the entry and behind it: the next start counts what is missing."""
    await polled(outside, tmp_path, FROM_THE_1ST)
    for number in range(1, 7):
        outside.steps, outside.crash_at = 0, number
        with pytest.raises((CrashError, RetryableError)):
            await polled(outside, tmp_path, FROM_THE_20TH)
    outside.crash_at = -1
    await polled(outside, tmp_path, FROM_THE_20TH)
    counted = [e for e in outside.ledger if e.period == "2026-11-20"]

    assert 10 == sum(len(e.new_keys) for e in counted) // 16
    assert 10 == counted[-1].used


async def test_the_next_period_begins_with_nothing(outside: Outside, tmp_path: Path) -> None:
    """A month that follows a month takes nothing over."""
    await polled(outside, tmp_path, FROM_THE_1ST)
    outside.clock_ns += 10 * 86_400 * NS
    outside.write("one", *OTHERS)
    outside.clock_ns += NS
    await polled(outside, tmp_path, FROM_THE_1ST)

    assert "2026-12-01" == outside.ledger[-1].period
    assert outside.ledger[-1].used <= 12, "the ten that are new, and what the overlap returned"


@given(
    st.integers(1, 31),
    st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Tokyo"]),
    st.integers(0, 4_000),
    st.integers(0, 4_000),
)
def test_periods_of_one_policy_never_overlap(day: int, zone: str, one: int, other: int) -> None:
    """Whatever its start day and zone."""
    policy = MqrPolicy(start_day=day, zone=zone)
    first = period_of(one * 86_400 * NS, policy)
    second = period_of(other * 86_400 * NS, policy)

    assert not overlaps(first, second, policy)
