"""Whether an object of a profile is replaced or added to is said with each user."""

from __future__ import annotations

import orjson
import pytest

from connectors.iterable.client import IterableClient
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.records import MappedRow


@pytest.mark.parametrize(("merge_nested", "expected"), [(False, None), (True, True)])
def test_nested_objects_are_merged_on_demand(
    merge_nested: bool,  # noqa: FBT001  # a table
    expected: bool | None,  # noqa: FBT001
) -> None:
    """Iterable's own default is to replace."""
    policy = UsersPolicy("upsert", "userId", "email", merge_nested=merge_nested)
    users = IterableUsers(IterableClient("https://nowhere", lambda: "key"), policy)
    item = users.encode(MappedRow("1", {"address": {"city": "x"}}), b"1")

    assert item is not None
    assert expected == orjson.loads(item.body).get("mergeNestedObjects")
