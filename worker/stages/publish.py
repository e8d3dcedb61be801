"""Publish: pages of rows become changes in the model's topic.

    page → hash → unknown to the index? → encode → send → every ack → index

The index learns a row only once the broker holds it. Ledger entries around it are the account's:
the reservation before the query runs, the commit after the last ack.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.avro import RowEncoder, columns_of, row_schema
from connectors.errors import ConfigurationError
from connectors.ports import Index, KnownRow, ModelLog, Producer, Schemas
from connectors.records import Change, Column, Model, Page, Position
from worker.rules.drift import retyped_columns
from worker.rules.fingerprint import key_text, row_hasher
from worker.rules.ledger import Progress, Reservation
from worker.rules.mqr import key_hashes


class Account(Protocol):
    """The ledger, as publish sees it."""

    @property
    def epoch(self) -> int: ...
    def progress(self, model: Model) -> Progress: ...
    async def still_ours(self) -> None: ...
    async def reserve(
        self, model: Model, schema_id: int, clock_ns: int, wanted: int
    ) -> Reservation | None: ...
    async def commit(
        self, reservation: Reservation, read: Position | None, change_token: str, *, last: bool
    ) -> None: ...


class PublishMeter(Protocol):
    """What is counted here."""

    def rows_read(self, model: str, *, published: int, unchanged: int) -> None: ...
    def duplicate_keys(self, model: str, rows: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with everything that its rows need on their way."""

    model: Model
    topic: str
    columns: tuple[Column, ...]
    encoder: RowEncoder
    schema_id: int
    key_index: int
    partition_index: int


class PublishStage:
    """The only writer of model topics and index."""

    def __init__(
        self,
        account: Account,
        producer: Producer,
        log: ModelLog,
        index: Index,
        schemas: Schemas,
        *,
        mqr_secret: bytes,
        meter: PublishMeter,
    ) -> None:
        self._account = account
        self._producer = producer
        self._log = log
        self._index = index
        self._schemas = schemas
        self._mqr_secret = mqr_secret
        self._meter = meter

    def progress(self, model: Model) -> Progress:
        """Return how far a model is, by the ledger."""
        return self._account.progress(model)

    async def prepare(self, model: Model, topic: str, columns: Sequence[Column]) -> Prepared:
        """Register the rows' schema and bring the index up to date with the topic.

        Raises ConfigurationError when a column is missing or has another type than before.
        """
        for needed in sorted(model.needed_columns):
            _index_of(model, columns, needed)
        key_index = _index_of(model, columns, model.primary_key)
        partition_index = _index_of(model, columns, model.partition_by or model.primary_key)
        await self._refuse_retyped(model, columns)
        schema = row_schema(model.name, columns)
        schema_id = await self._schemas.register(f"{topic}-value", schema)
        await self._follow_topic(model, topic)
        encoder = RowEncoder(schema, schema_id, columns)
        return Prepared(
            model, topic, tuple(columns), encoder, schema_id, key_index, partition_index
        )

    async def reserve(self, prepared: Prepared, clock_ns: int, wanted: int) -> Reservation | None:
        """Reserve rows to query; None when the MQR limit leaves none."""
        return await self._account.reserve(prepared.model, prepared.schema_id, clock_ns, wanted)

    async def commit(
        self, reservation: Reservation, read: Position | None, change_token: str, *, last: bool
    ) -> None:
        """Commit what was added since the last commit."""
        await self._account.commit(reservation, read, change_token, last=last)

    async def add(self, reservation: Reservation, prepared: Prepared, page: Page) -> None:
        """Put the page's changed rows into the topic; return once the broker holds them."""
        name = prepared.model.name
        keys = await asyncio.to_thread(_keys, prepared, page)
        # They were queried, so they count, whatever happens to the page from here on.
        reservation.mqr_keys += key_hashes(self._mqr_secret, name, keys)
        reservation.rows_read += len(keys)
        reservation.rows_since_commit += len(keys)
        changes = await asyncio.to_thread(self._compare, prepared, page, keys)
        if changes:
            # A poller that slept through the takeover of another must not overwrite its rows.
            await self._account.still_ours()
            offsets = await self._producer.send(prepared.topic, changes, self._account.epoch)
            await asyncio.to_thread(self._remember, prepared, changes, offsets)
        self._meter.rows_read(name, published=len(changes), unchanged=len(keys) - len(changes))
        if repeated := len(keys) - len(set(keys)):
            self._meter.duplicate_keys(name, repeated)

    async def close(self) -> None:
        """Close everything this stage writes with."""
        await self._producer.close()
        await self._schemas.close()
        await self._log.close()
        await asyncio.to_thread(self._index.close)

    async def _follow_topic(self, model: Model, topic: str) -> None:
        ends = await self._log.end_offsets(topic)
        start = await asyncio.to_thread(self._index.next_offsets, topic)
        if any(offset > ends.get(partition, 0) for partition, offset in start.items()):
            # The topic was made anew: what we know of it is of another life.
            await asyncio.to_thread(self._index.forget, model.name, topic)
            start = {}
        if all(start.get(partition, 0) >= end for partition, end in ends.items()):
            return
        async for rows, positions in self._log.read(topic, start):
            await asyncio.to_thread(self._index.remember, model.name, rows, topic, positions)

    def _compare(self, prepared: Prepared, page: Page, keys: Sequence[bytes]) -> list[Change]:
        model = prepared.model
        digest = row_hasher(prepared.columns, {*model.ignore_changes_in, model.watermark})
        # Should a key stand twice in the page, its last row counts.
        last = list({key: i for i, key in enumerate(keys)}.values())
        try:
            hashes = {i: digest(page.rows[i]) for i in last}
            changed = self._index.changed(
                model.name, [keys[i] for i in last], list(hashes.values())
            )
            chosen = [i for i, is_new in zip(last, changed, strict=True) if is_new]
            values = prepared.encoder.encode([page.rows[i] for i in chosen])
        except (ArithmeticError, TypeError, ValueError):
            # The library's text quotes the value: it stays here.
            raise ConfigurationError(
                f"model {model.name} holds a value that does not fit its column's type: cast the "
                "column in its SQL",
                kind="unencodable",
            ) from None
        return [
            Change(
                keys[i],
                value,
                _partition_hash(page.rows[i][prepared.partition_index], keys[i]),
                hashes[i],
                page.watermarks[i],
            )
            for i, value in zip(chosen, values, strict=True)
        ]

    def _remember(
        self, prepared: Prepared, changes: Sequence[Change], offsets: dict[int, range]
    ) -> None:
        # Offsets move on only where ours follow directly on what is known; a gap means that
        # somebody else wrote, and the next poll reads the topic from there.
        if not changes:
            return
        known = self._index.next_offsets(prepared.topic)
        following = {p: r.stop for p, r in offsets.items() if r.start == known.get(p, 0)}
        rows = [KnownRow(change.key, change.row_hash) for change in changes]
        self._index.remember(prepared.model.name, rows, prepared.topic, following)

    async def _refuse_retyped(self, model: Model, columns: Sequence[Column]) -> None:
        schema_id = self.progress(model).schema_id
        before = await self._schemas.by_id(schema_id) if schema_id else None
        if before is None:
            return
        if retyped := retyped_columns(columns_of(before), columns):
            raise ConfigurationError(
                f"model {model.name}: the type of {', '.join(retyped)} changed; Iterable fixes a "
                "field's type for ever, so map a new field, or cast the column back in the SQL",
                kind="column_type_changed",
            )


def _keys(prepared: Prepared, page: Page) -> list[bytes]:
    return [_key(prepared, row) for row in page.rows]


def _key(prepared: Prepared, row: Sequence[object]) -> bytes:
    value = row[prepared.key_index]
    if value is None:
        raise ConfigurationError(
            f"model {prepared.model.name} returns a row whose primary key "
            f"{prepared.model.primary_key} is NULL: leave such rows out in its SQL",
            kind="null_key",
        )
    return key_text(value).encode()


def _partition_hash(value: object, key: bytes) -> int:
    # CRC32, as librdkafka partitions: one profile's rows stay in one partition, in order.
    return zlib.crc32(key if value is None else key_text(value).encode())


def _index_of(model: Model, columns: Sequence[Column], name: str) -> int:
    for i, column in enumerate(columns):
        if column.name == name:
            return i
    raise ConfigurationError(
        f"model {model.name} has no column {name}; it has {', '.join(c.name for c in columns)}",
        kind="unknown_column",
    )
