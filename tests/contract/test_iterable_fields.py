"""The types of user fields, asked of the Iterable stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.errors import ConfigurationError, ThrottledError
from connectors.iterable.client import IterableClient
from connectors.iterable.fields import IterableFields
from tests.closing import closed_after
from tests.iterable_project import Project, run_project


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with run_project("email") as made:
        yield made


async def test_fields_are_named_with_their_types(project: Project) -> None:
    """Nested ones by dotted names, an array by its elements."""
    address = {"address": {"city": "x"}, "seen": "2026-01-02", "counts": [1], "paid": True}
    project.plant({"email": "one@x.com", "dataFields": address})
    async with closed_after(IterableFields(IterableClient(project.url, lambda: project.key))) as it:
        found = await it.types()

    expected = {
        "address": "object",
        "address.city": "string",
        "seen": "date",
        "counts": "long",
        "paid": "boolean",
    }
    assert expected == {name: found.get(name) for name in expected}


async def test_a_refused_key_stops_the_sync(project: Project) -> None:
    """As everywhere."""
    async with closed_after(IterableFields(IterableClient(project.url, lambda: "wrong"))) as it:
        with pytest.raises(ConfigurationError):
            await it.types()


async def test_too_many_questions_are_throttled(project: Project) -> None:
    """Three a second are permitted."""
    async with closed_after(IterableFields(IterableClient(project.url, lambda: project.key))) as it:
        for _ in range(3):
            await it.types()
        with pytest.raises(ThrottledError):
            await it.types()
