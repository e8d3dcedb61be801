"""What Iterable must hold at the end, by the demo's oracle."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from benchmarks.soak.ground import PASSWORD
from worker.config.load import load_config
from worker.operate.demo.oracle import Comparison, Oracle, Profile, compare, read_model
from worker.operate.demo.stack import MODEL, SYNC, Door, Stack


class Truth:
    """The model as the warehouse has it, and the profiles that the product made."""

    def __init__(self, stack: Stack, door: Door) -> None:
        config = load_config(stack.folder / "hightide.yaml")
        sync, model = config.syncs[SYNC], config.models[MODEL]
        self._door = door
        self._sql = model.sql
        self._source = {**config.sources["snowflake"].connection, "password": PASSWORD}
        self._oracle = Oracle(sync.renamed, sync.match["userId"], model.primary_key)
        self._planted: dict[str, Profile] = {}

    async def plant(self) -> None:
        """Give every second user a profile."""
        rows = await self._look()
        column = self._oracle.match_column
        chosen = [row for row in rows if int(row[column]) % 2]
        self._planted = {str(row[column]): {"createdBy": "product"} for row in chosen}
        profiles: list[dict[str, object]] = [
            {
                "email": row["EMAIL_ADDRESS"],
                "userId": str(row[column]),
                "dataFields": {"createdBy": "product"},
            }
            for row in chosen
        ]
        await self._door.plant(profiles)

    async def compare(self) -> Comparison:
        """Compare every profile with the model as it is now."""
        await self._look()
        lines = (await self._door.profiles()).splitlines()
        found = [orjson.loads(line) for line in lines]
        return await asyncio.to_thread(compare, found, self._planted, self._oracle.expected)

    async def _look(self) -> list[dict[str, Any]]:
        rows = await asyncio.to_thread(read_model, self._source, self._sql)
        self._oracle.see(rows)
        return rows
