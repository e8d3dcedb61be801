"""Which texts are dates to Iterable, and how it gives them back."""

from __future__ import annotations

import pytest

from connectors.sandbox.iterable.dates import from_seconds, is_date, stored_form
from tests.unit.sandbox.iterable_desk import NOON_SECONDS


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2020-04-13", "2020-04-13 00:00:00 +00:00"),
        ("2020-04-13 14:04:09", "2020-04-13 14:04:09 +00:00"),
        ("2020-04-13 14:04:09 +00:00", "2020-04-13 14:04:09 +00:00"),
        ("2020-04-13 01:04:09 +02:00", "2020-04-12 23:04:09 +00:00"),
        ("2020-04-13T14:04:09.123+00:00", "2020-04-13 14:04:09 +00:00"),
        ("2020-04-13T14:04:09.123Z", "2020-04-13 14:04:09 +00:00"),
        ("2020-04-13T23:04:09.000-02:00", "2020-04-14 01:04:09 +00:00"),
    ],
)
def test_a_date_is_stored_in_one_form(sent: str, stored: str) -> None:
    """Every accepted format comes back as UTC without fractions."""
    assert stored == stored_form(sent)


@pytest.mark.parametrize(
    "text",
    [
        "2020-04-13 14:04:09.000",  # a blank and milliseconds: the failure people meet
        "2020-04-13T14:04:09Z",
        "2020-04-13T14:04:09.123456Z",
        "2020-13-01",
        "2020-02-30",
        "2020-02-30 10:00:00 +00:00",
        "2020-04-13 24:00:00",
        "0001-01-01 00:00:00 +23:00",
        "13.04.2020",
        "2020-04-13\n",
        "",
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    """A format that is not on Iterable's list stays text."""
    assert not is_date(text)


def test_a_moment_is_shown_in_the_stored_form() -> None:
    """The system's own dates look like everyone's."""
    assert from_seconds(NOON_SECONDS) == stored_form("2026-01-01 12:00:00")
