"""The suite of all Sources runs once at each desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.ports import Source
from tests.closing import closed_after
from tests.contract.source_desks import Desk, PostgresDesk, SnowflakeDesk
from tests.postgres import postgres

__all__ = ["postgres"]

# What is not so, by the name of the test: of the warehouse stand-in (Snowflake itself can), or of
# a source.
_BITS = "the stand-in returns BINARY as text of 0s and 1s"
_NO_NANOSECONDS = "the stand-in keeps microseconds, so it cuts three digits off a bound"
GAPS = {
    "test_every_type_has_a_form[snowflake-binary]": _BITS,
    "test_a_start_between_two_moments_is_exact[snowflake-1001-None-3]": _NO_NANOSECONDS,
    "test_a_start_between_two_moments_is_exact[snowflake-1999-None-3]": _NO_NANOSECONDS,
    "test_a_start_between_two_moments_is_exact[snowflake-1001-A-3]": _NO_NANOSECONDS,
    "test_a_start_between_two_moments_is_exact[snowflake-1999-A-3]": _NO_NANOSECONDS,
    "test_an_end_between_two_moments_is_exact[snowflake-1001-1]": _NO_NANOSECONDS,
}


@pytest.fixture(
    params=[
        pytest.param("snowflake", marks=pytest.mark.warehouse),
        pytest.param("postgres", marks=pytest.mark.postgres),
    ]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The other side of each source in turn."""
    if reason := GAPS.get(request.node.name):
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    if request.param == "postgres":
        made: Desk = PostgresDesk(request.getfixturevalue("postgres"))
    else:
        made = SnowflakeDesk(request.getfixturevalue("warehouse"))
    yield made
    made.heal()  # other tests use the same server


@pytest.fixture
async def source(desk: Desk) -> AsyncIterator[Source]:
    """A source that reads from there."""
    async with closed_after(desk.source()) as port:
        yield port
