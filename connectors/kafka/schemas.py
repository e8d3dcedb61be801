"""Schema ids without a registry: a compacted topic of our own.

The id is made of the schema's own text, so that two processes that register the same schema at once
agree without talking: the first 31 bits of its SHA-256. Key = id, value = schema.
"""

from __future__ import annotations

import hashlib
from typing import Any

from connectors.errors import ConfigurationError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.log import LogReader
from connectors.kafka.producer import ACK_DEADLINE_SECONDS, owned_producer


class TopicSchemas:
    """The Schemas port on a compacted topic."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._topic = topic
        self._owned = owned_producer(connection, "schemas")
        self._reader = LogReader(connection, "schemas-log")
        self._known: dict[int, str] = {}
        self._next_offset = 0

    async def register(self, subject: str, schema: str) -> int:
        """Return the id of `schema`, in the topic once this returns."""
        schema_id = id_of(schema)
        known = await self.by_id(schema_id)
        if known is None:
            topic = self._topic
            await self._owned.run(
                f"writing to {topic}", lambda c: _put(c, topic, schema_id, schema)
            )
            self._known[schema_id] = schema
        elif known != schema:
            raise ConfigurationError(
                f"the schema of {subject} has the same id as another one: use a schema registry",
                kind="schema_id_collision",
            )
        return schema_id

    async def by_id(self, schema_id: int) -> str | None:
        """Return the schema text; the topic is read on when the id is not known yet."""
        if schema_id not in self._known:
            start = {0: self._next_offset}
            async for records, positions in self._reader.records(self._topic, start):
                for record in records:
                    self._known[int(record.key)] = record.value.decode()
                self._next_offset = positions[0]
        return self._known.get(schema_id)

    async def close(self) -> None:
        await self._owned.close()
        await self._reader.close()


def id_of(schema: str) -> int:
    """Return the id a schema text has, always the same."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:4]) & 0x7FFFFFFF


def _put(client: Any, topic: str, schema_id: int, schema: str) -> None:
    key = str(schema_id).encode()
    client.send(topic, key=key, value=schema.encode(), partition=0).get(
        timeout=ACK_DEADLINE_SECONDS
    )
