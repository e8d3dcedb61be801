"""Whatever a column holds as a time becomes whole seconds, or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.iterable.moments import seconds_of

NOON = 1_767_268_800
BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 13, tzinfo=BERLIN),
        datetime(2026, 1, 1, 12, 0, 0, 999_999),  # noqa: DTZ001  # a wall clock is UTC
        NOON,
        NOON * 1000,
        NOON * 1000 + 999,
        Decimal(NOON),
        Decimal("1767268800.999"),
        float(NOON),
        "1767268800",
        "1767268800999",
        "1767268800.5",
        "1767268800999.9",
        "2026-01-01T12:00:00Z",
        "2026-01-01 12:00:00",
        "2026-01-01 12:00:00 +00:00",
        "2026-01-01 13:00:00.123456 +01:00",
        " 2026-01-01T07:00:00-05:00 ",
    ],
)
def test_every_way_to_write_a_moment_is_the_same_second(value: object) -> None:
    """Points in time, wall clocks, seconds and milliseconds, as numbers and as text."""
    assert NOON == seconds_of(value)


@pytest.mark.parametrize("value", [date(2026, 1, 1), "2026-01-01", "20260101"])
def test_a_date_is_its_first_second(value: object) -> None:
    """In UTC."""
    assert NOON - 12 * 3600 == seconds_of(value)


def test_moments_before_1970_are_moments() -> None:
    """A fraction is cut off towards the past, as after 1970."""
    assert -1 == seconds_of(datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC))
    assert -100_000_001 == seconds_of(-100_000_000.5) == seconds_of("-100000000.5")


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, "", " ", "yesterday", "12:00", "0x10", "1e9", b"1767268800"),
        *(float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN")),
        *(datetime(9999, 12, 31, tzinfo=UTC), date(9999, 12, 31), "9999-12-31"),
        *(20_260_101, 99_999_999, -1, 0.5, Decimal(20_260_101), "2026", "202611", "20260101.5"),
        *(10**14, -(10**14), 10**400, Decimal(10) ** 400, "100000000000000", [], {}),
    ],
)
def test_what_is_no_moment_is_none(value: object) -> None:
    """It never becomes 1970, and never the year 5138 or later."""
    assert None is seconds_of(value)


@given(st.datetimes(max_value=datetime(5138, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_moment_comes_back_to_the_second(value: datetime) -> None:
    """Also as the number and as the text of it, wherever these are told apart by their size."""
    seconds = seconds_of(value)

    assert seconds is not None
    assert value.replace(microsecond=0) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=seconds
    )
    assert seconds == seconds_of(value.isoformat())
    if abs(seconds) >= 10**8:
        assert seconds == seconds_of(seconds * 1000) == seconds_of(seconds)


@given(st.text() | st.integers() | st.floats() | st.decimals() | st.binary())
def test_nothing_raises(value: object) -> None:
    """Seconds that Iterable can tell from milliseconds, or None."""
    seconds = seconds_of(value)

    assert seconds is None or abs(seconds) <= 10**11
