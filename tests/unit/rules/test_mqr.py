"""A key counts once a period, periods begin where the contract says, the limit is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rules.mqr import (
    KEY_BYTES,
    MqrPolicy,
    MqrUse,
    key_hash,
    key_hashes,
    period_end,
    period_of,
    permitted_rows,
    threshold_reached,
)

NS = 1_000_000_000
SECRET = b"s" * 32
ZONES = ["UTC", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"]


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS


@pytest.mark.parametrize(
    ("zone", "moment", "period"),
    [
        ("UTC", datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01"),
        ("UTC", datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), "2026-10-01"),
        ("America/Los_Angeles", datetime(2026, 11, 1, 6, 59, 59, tzinfo=UTC), "2026-10-01"),
        ("America/Los_Angeles", datetime(2026, 11, 1, 7, 0, tzinfo=UTC), "2026-11-01"),
        ("America/Los_Angeles", datetime(2026, 12, 1, 7, 59, 59, tzinfo=UTC), "2026-11-01"),
        ("Asia/Kathmandu", datetime(2026, 12, 31, 18, 15, tzinfo=UTC), "2027-01-01"),
    ],
)
def test_a_period_begins_at_the_zones_own_midnight(
    zone: str, moment: datetime, period: str
) -> None:
    """In summer and in winter, to the second; the year turns with it."""
    assert period == period_of(ns(moment), MqrPolicy(zone=zone))


@pytest.mark.parametrize(
    ("day", "moment", "period"),
    [
        (15, datetime(2026, 11, 14, tzinfo=UTC), "2026-10-15"),
        (15, datetime(2026, 11, 15, tzinfo=UTC), "2026-11-15"),
        (31, datetime(2026, 2, 27, tzinfo=UTC), "2026-01-31"),
        (31, datetime(2026, 2, 28, tzinfo=UTC), "2026-02-28"),
        (31, datetime(2028, 2, 28, tzinfo=UTC), "2028-01-31"),
        (31, datetime(2026, 1, 5, tzinfo=UTC), "2025-12-31"),
    ],
)
def test_a_start_day_that_a_month_lacks_is_its_last(
    day: int, moment: datetime, period: str
) -> None:
    """31 means the 28th in February, the 29th in a leap year."""
    assert period == period_of(ns(moment), MqrPolicy(start_day=day))


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 31),
    st.sampled_from(ZONES),
)
def test_periods_follow_each_other_without_gap_or_overlap(
    moment: datetime, day: int, zone: str
) -> None:
    """Every moment lies in one period, which ends exactly where the next begins; DST or not."""
    policy = MqrPolicy(start_day=day, zone=zone)
    period = period_of(ns(moment), policy)
    end = period_end(period, policy)
    first = datetime.fromisoformat(period).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    assert first <= moment.replace(microsecond=0) < end
    assert period == period_of(ns(end - timedelta(seconds=1)), policy)
    assert period_of(ns(end), policy) > period
    assert timedelta(days=27) < end - first < timedelta(days=32)


def test_keys_are_hashed_with_secret_and_model() -> None:
    """The same key in two models counts twice, and without the secret nobody can guess it."""
    hashes = {
        key_hash(SECRET, "people", b"a"),
        key_hash(SECRET, "teams", b"a"),
        key_hash(b"t" * 32, "people", b"a"),
        key_hash(SECRET, "people", b"b"),
    }

    assert (4, {KEY_BYTES}) == (len(hashes), {len(h) for h in hashes})


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_hashing_a_page_is_hashing_each_key(keys: list[bytes]) -> None:
    """The fast way gives the same hashes."""
    assert [key_hash(SECRET, "m", k) for k in keys] == key_hashes(SECRET, "m", keys)


uses = st.builds(MqrUse, st.just("2026-11-01"), *[st.integers(0, 2_000)] * 3)


@given(st.integers(0, 5_000), uses, st.integers(0, 2_000))
def test_what_is_permitted_never_passes_the_limit(limit: int, use: MqrUse, wanted: int) -> None:
    """Even if every permitted row is a new key; and nothing that fits is refused."""
    rows = permitted_rows(MqrPolicy(limit=limit), use, wanted)

    assert 0 <= rows <= wanted
    assert use.taken + rows <= max(limit, use.taken)
    assert rows == wanted or use.taken + rows >= limit


@given(uses, st.integers(0, 2_000))
def test_what_is_taken_is_everything_that_may_be_billed(use: MqrUse, more: int) -> None:
    """Counted, held by a running query, or in doubt; a further reservation adds to it."""
    assert use.used + use.reserved + use.uncertain == use.taken
    assert use.taken + more == use.with_reserved(more).taken
    assert use.used == use.with_reserved(more).used


def test_warn_permits_everything() -> None:
    """`on_limit: warn` goes on, over the limit too."""
    use = MqrUse("2026-11-01", used=10, reserved=5)

    assert 500 == permitted_rows(MqrPolicy(limit=10, on_limit="warn"), use, 500)


@pytest.mark.parametrize(
    ("used", "percent"),
    [
        (0, 0),
        (1_199_999, 0),
        (1_200_000, 80),
        (1_424_999, 80),
        (1_425_000, 95),
        (1_499_999, 95),
        (1_500_000, 100),
        (2_000_000, 100),
    ],
)
def test_a_threshold_is_reached_to_the_record(used: int, percent: int) -> None:
    """80, 95 and 100 percent of 1.5 million; not one record early, not one late."""
    assert percent == threshold_reached(used, 1_500_000)


def test_a_limit_of_none_has_no_threshold() -> None:
    """Nothing of nothing is no share of it."""
    assert 0 == threshold_reached(0, 0) == threshold_reached(5, 0)


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_thresholds_are_reached_in_order(limit: int, one: int, other: int) -> None:
    """Who has used more has never reached less; the last is reached exactly at the limit."""
    less, more = sorted((one, other))

    assert threshold_reached(less, limit) <= threshold_reached(more, limit)
    assert (more >= limit) == (threshold_reached(more, limit) == 100)
