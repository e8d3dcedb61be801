"""The ledger topic: one partition, append-only, one self-contained Avro record per entry.

Each record opens with a version byte: an older worker refuses a newer format loudly, a newer worker
reads what older ones wrote.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import fastavro

from connectors.errors import ConfigurationError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.log import LogReader
from connectors.kafka.producer import ACK_DEADLINE_SECONDS, owned_producer
from connectors.records import LedgerEntry, LedgerRecord, Position

VERSION = 2
_OPTIONAL_TEXT = ["null", "string"]
_FIELDS = [
    {"name": "kind", "type": "string"},
    {"name": "epoch", "type": "long"},
    {"name": "poller", "type": "string"},
    {"name": "model", "type": "string"},
    {"name": "period", "type": "string"},
    {"name": "reserved", "type": "long"},
    {"name": "used", "type": "long"},
    {"name": "watermark", "type": _OPTIONAL_TEXT},
    {"name": "watermark_key", "type": _OPTIONAL_TEXT},
    {"name": "rows_read", "type": "long"},
    {"name": "new_keys", "type": "bytes"},
    {"name": "fingerprint", "type": "string"},
    {"name": "change_token", "type": "string"},
    {"name": "schema_id", "type": "long"},
]
_SINCE_2 = [
    {"name": "at_ns", "type": "long", "default": 0},
    {"name": "uncertain", "type": "long", "default": 0},
    {"name": "reread", "type": "long", "default": 0},
]


def _schema(*fields: object) -> Any:
    return fastavro.parse_schema(
        {"type": "record", "namespace": "hightide", "name": "LedgerEntry", "fields": list(fields)}
    )


SCHEMAS = {1: _schema(*_FIELDS), VERSION: _schema(*_FIELDS, *_SINCE_2)}


class KafkaLedger:
    """The Ledger port on kafka-python."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._topic = topic
        self._owned = owned_producer(connection, "ledger")
        self._reader = LogReader(connection, "ledger-log")

    async def append(self, entry: LedgerEntry) -> int:
        """Return the entry's offset once the broker holds it."""
        topic = self._topic
        return await self._owned.run(f"writing to {topic}", lambda c: _append(c, topic, entry))

    async def read(self, from_offset: int) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Yield the records from `from_offset` to the end of the log as it is now."""
        async for records, _ in self._reader.records(self._topic, {0: from_offset}):
            yield [LedgerRecord(record.offset, decode(record.value)) for record in records]

    async def close(self) -> None:
        await self._owned.close()
        await self._reader.close()


def _append(client: Any, topic: str, entry: LedgerEntry) -> int:
    future = client.send(topic, key=entry.model.encode(), value=encode(entry), partition=0)
    return int(future.get(timeout=ACK_DEADLINE_SECONDS).offset)


def encode(entry: LedgerEntry) -> bytes:
    """Return an entry as it stands in the topic."""
    buffer = io.BytesIO()
    buffer.write(bytes([VERSION]))
    position = entry.watermark
    fastavro.schemaless_writer(
        buffer,
        SCHEMAS[VERSION],
        {
            "kind": entry.kind,
            "epoch": entry.epoch,
            "poller": entry.poller,
            "model": entry.model,
            "period": entry.period,
            "reserved": entry.reserved,
            "used": entry.used,
            "watermark": None if position is None else position.value,
            "watermark_key": None if position is None else position.key,
            "rows_read": entry.rows_read,
            "new_keys": entry.new_keys,
            "fingerprint": entry.fingerprint,
            "change_token": entry.change_token,
            "schema_id": entry.schema_id,
            "at_ns": entry.at_ns,
            "uncertain": entry.uncertain,
            "reread": entry.reread,
        },
    )
    return buffer.getvalue()


def decode(value: bytes) -> LedgerEntry:
    """Return the entry in a record; ConfigurationError for a format this worker can't read."""
    if not value or value[0] not in SCHEMAS:
        raise _unreadable()
    stream = io.BytesIO(value)
    stream.seek(1)
    try:
        fields: Any = fastavro.schemaless_reader(stream, SCHEMAS[value[0]], SCHEMAS[VERSION])
    except Exception:  # noqa: BLE001  # a dozen of fastavro's, without a common base
        raise _unreadable() from None
    value_text, key = fields.pop("watermark"), fields.pop("watermark_key")
    return LedgerEntry(
        **fields, watermark=None if value_text is None else Position(value_text, key)
    )


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "the ledger topic holds a record of another format: a newer Hightide wrote it, "
        "or something else did",
        kind="ledger_format",
    )
