"""A small table that is built anew with other columns, and its topic, read without the worker."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import fastavro

from tests.closing import closed_after
from tests.integration.installation import MODEL
from tests.integration.people import People
from tests.warehouse_login import KEY
from worker.app.run import Worker


@dataclass(frozen=True, slots=True)
class Read:
    """A record of the topic, read with the schema that its own frame names."""

    partition: int
    offset: int
    key: str
    schema: str
    body: bytes
    row: dict[str, Any]


@dataclass(slots=True)
class Table:
    """The people, in a table that is built anew with other columns."""

    people: People
    poller: Worker
    keys: list[str]
    records: list[Read] = field(default_factory=list)

    def rebuild(self, columns: str) -> None:
        """Replace the table by a SELECT from itself."""
        table = self.people.table
        self.people.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {columns} FROM {table}")

    def set(self, column: str, value: object, *keys: str) -> None:
        """Write a value into rows."""
        chosen = ", ".join(["%s"] * len(keys))
        update = f"UPDATE {self.people.table} SET {column} = %s WHERE {KEY} IN ({chosen})"
        self.people.execute(update, value, *keys)

    async def poll(self) -> list[Read]:
        """Poll once more; return the records that this added."""
        assert self.poller.poll is not None
        await self.poller.poll.polls[MODEL].poll_once()
        return await self.added()

    async def poll_anew(self) -> list[Read]:
        """Poll in a new worker, with what was configured since; return what it added."""
        await self.people.poll()
        return await self.added()

    async def added(self) -> list[Read]:
        """Return what came into the topic since this was asked last, read without the worker.

        All it is asked for is the schema that the frame of a record names.
        """
        found = self.people.topic()
        places = {(read.partition, read.offset) for read in self.records}
        new = [record for record in found if (record.partition, record.offset) not in places]
        schemas = dict[int, str]()
        async with closed_after(self.people.parts().schemas()) as known:
            for number in {int.from_bytes(record.value[1:5]) for record in new}:
                schemas[number] = await known.by_id(number) or ""
        reads = [_read(record, schemas[int.from_bytes(record.value[1:5])]) for record in new]
        self.records += reads
        return sorted(reads, key=lambda read: read.key)

    def newest(self, *columns: str) -> dict[str, list[object]]:
        """What the topic says of each key, as far as it was read; `absent` is no such field."""
        found = sorted(self.records, key=lambda read: read.offset)
        return {read.key: [read.row.get(column, "absent") for column in columns] for read in found}

    def column(self, name: str) -> dict[str, object]:
        """What the table says of each key."""
        return dict(self.people.execute(f"SELECT {KEY}, {name} FROM {self.people.table}"))


def _read(record: Any, schema: str) -> Read:
    body = io.BytesIO(record.value[5:])
    row = fastavro.schemaless_reader(body, json.loads(schema), None)
    assert b"" == body.read(), "the record is longer than its schema"
    key = record.key.decode()
    return Read(record.partition, record.offset, key, schema, body.getvalue(), row)
