"""`hightide check` compares the mapping with the fields that Iterable has."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.integration.installation import SYNC, Installation
from worker.operate.check import check

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]


async def test_a_field_of_another_type_is_said_with_its_cure(installation: Installation) -> None:
    """Before the first call, which would be refused whole."""

    def change(config: dict[str, Any]) -> None:
        fields = config["syncs"][SYNC]["fields"]
        fields["typedByCheck"] = {"column": "IS_PQL", "type": "boolean"}

    async with aiohttp.ClientSession(
        headers={"Api-Key": installation.iterable.ready["api_key"]}
    ) as session:
        user = {"email": "typed@x.com", "dataFields": {"typedByCheck": 5}}
        url = f"{installation.iterable.url}/api/users/update"
        async with session.post(url, json=user) as answer:
            assert answer.status == 200
    [found] = [
        finding
        for finding in await check(installation.parts(change), create_topics=False)
        if finding.what == f"fields {SYNC}"
    ]

    assert not found.ok
    assert found.sentence.startswith("field typedByCheck is long in Iterable and boolean here: pin")
