"""A mapping that the destination is certain to refuse stops its sync before the first row."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType
from worker.rules.mapping import MappingPolicy
from worker.stages.agree import AgreeStage

COLUMNS = (Column("ID", ColumnType.TEXT), Column("PAID", ColumnType.BOOLEAN))


class Fields:
    """A destination with these fields."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known

    async def types(self) -> Mapping[str, str]:
        return self.known


async def test_a_conflict_stops_the_sync_until_it_is_gone() -> None:
    """The sentence names the field, both types and the cure; the next look may be content."""
    fields = Fields({"paid": "long"})
    agree = AgreeStage("s", MappingPolicy("ID", {"paid": "PAID"}), fields)
    with pytest.raises(ConfigurationError, match="sync s: field paid is long in Iter") as raised:
        await agree.check(COLUMNS)
    assert "field_type" == raised.value.kind

    fields.known = {"paid": "boolean"}
    await agree.check(COLUMNS)


async def test_new_fields_are_no_conflict() -> None:
    """They are created."""
    await AgreeStage("s", MappingPolicy("ID", {"paid": "PAID"}), Fields({})).check(COLUMNS)
