"""What topic and ledger say, read without the stages, against the model in the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka import KafkaAdminClient

from connectors.avro import RowDecoder, schema_id_of
from connectors.kafka.ledger import KafkaLedger
from connectors.kafka.schemas import TopicSchemas
from connectors.kafka.topics import TopicNames
from connectors.records import LedgerEntry
from tests.e2e.system import MODEL, PASSWORD, System
from tests.kafka_records import connect, records
from tests.topics import ends
from worker.operate.demo.oracle import read_model

KEY = "DIM_MARKETING_CONTACT_ID"
# Columns whose every change must arrive; PREV_HASH and LAST_CHANGED move without one.
WATCHED = (
    "EMAIL_ADDRESS",
    "FIRST_NAME",
    "COUNTRY",
    "COMPANY_NAME",
    "GITLAB_DOTCOM_LAST_LOGIN_DATE",
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A model's topic: what stands in it, and how often the same version stands there again."""

    newest: Mapping[str, tuple[object, ...]]
    records: int
    repeated: int


def model_rows(system: System) -> dict[str, tuple[object, ...]]:
    """The model as the warehouse has it now, over a connection of its own."""
    source = {**system.config.sources["snowflake"].connection, "password": PASSWORD}
    rows = read_model(source, system.config.models[MODEL].sql)
    return {str(row[KEY]): _watched(row) for row in rows}


def topic_rows(system: System) -> Topic:
    """The model's topic up to its end."""
    kafka = system.config.kafka
    name = TopicNames(kafka.topic_prefix).model(MODEL)
    found = records(kafka.bootstrap_servers[0], name, kafka.partitions)
    decoders: dict[int, RowDecoder] = {}
    newest: dict[str, tuple[object, ...]] = {}
    hashes: dict[bytes, bytes] = {}
    repeated = 0
    for record in (one for partition in found for one in partition):
        schema_id = schema_id_of(record.value)
        if schema_id not in decoders:
            decoders[schema_id] = RowDecoder(asyncio.run(_schema(system, schema_id)))
        newest[record.key.decode()] = _watched(decoders[schema_id].decode(record.value))
        row_hash = dict(record.headers)["row_hash"]
        repeated += hashes.get(record.key) == row_hash
        hashes[record.key] = row_hash
    return Topic(newest, sum(map(len, found)), repeated)


def record_count(system: System) -> int:
    """How many records were ever written to the model's topic, by its offsets."""
    kafka = system.config.kafka
    name = TopicNames(kafka.topic_prefix).model(MODEL)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    try:
        return sum(ends(admin, name, kafka.partitions).values())
    finally:
        admin.close()


def ledger_entries(system: System) -> list[LedgerEntry]:
    """Every entry of the ledger, in order."""
    return asyncio.run(_entries(system))


def counted(entries: list[LedgerEntry]) -> tuple[int, int]:
    """Keys the ledger counted, and how many of them twice."""
    keys = [e.new_keys[i : i + 16] for e in entries for i in range(0, len(e.new_keys), 16)]
    return len(keys), len(keys) - len(set(keys))


async def _entries(system: System) -> list[LedgerEntry]:
    kafka = system.config.kafka
    ledger = KafkaLedger(connect(kafka.bootstrap_servers[0]), TopicNames(kafka.topic_prefix).ledger)
    try:
        return [r.entry async for found in ledger.read(0) for r in found]
    finally:
        await ledger.close()


async def _schema(system: System, schema_id: int) -> str:
    kafka = system.config.kafka
    schemas = TopicSchemas(
        connect(kafka.bootstrap_servers[0]), TopicNames(kafka.topic_prefix).schemas
    )
    try:
        return await schemas.by_id(schema_id) or ""
    finally:
        await schemas.close()


def _watched(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(_plain(row[name]) for name in WATCHED)


def _plain(value: object) -> object:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
