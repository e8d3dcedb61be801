"""Catch up: bring the index up to date with a model's topic before anything is compared with it.

Between two polls that is usually nothing. After a crash it is the rows whose acks were not noted,
with an empty state directory it is the whole topic.

A poller that was frozen and replaced may still have had a page on its way: its record then lies
behind its successor's newer one, with the lower epoch. It says nothing true of its key:

    offset 10  key 7  epoch 4  the newest version
    offset 11  key 7  epoch 3  an older one, of the poller that was replaced: key 7 is in doubt

A snapshot reads every row anyway. There such a record is known as a version no row is equal to: its
row is published again, or removed if it is not in the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.avro import (
    RowDecoder,
    RowEncoder,
    UndecodableError,
    avro_name,
    columns_of,
    schema_id_of,
)
from connectors.ports import Index, KnownRow, LoggedRow, ModelLog, Schemas
from connectors.records import Column, Model
from worker.rules.guards import filled_columns

# Keys of a topic come in no order: 50,000 written at once touch each page of the index as often as
# 5,000 do, so two million rows take a third of the time.
GATHERED_ROWS = 50_000
_NO_ROWS_HASH = b"?"


class CatchUpMeter(Protocol):
    """What is counted here."""

    def catching_up(self, model: str, done: int, total: int) -> None: ...
    def superseded(self, model: str, rows: int) -> None: ...


@dataclass(slots=True)
class _Gathered:
    """What was read since the index was last written, the newest of each key."""

    epochs: dict[int, int]
    known: dict[bytes, KnownRow] = field(default_factory=dict)
    doubted: dict[bytes, int] = field(default_factory=dict)
    superseded: int = 0
    positions: Mapping[int, int] = field(default_factory=dict)


class CatchUpStage:
    """Reads model topics into the index."""

    def __init__(
        self, log: ModelLog, index: Index, schemas: Schemas, *, meter: CatchUpMeter
    ) -> None:
        self._log = log
        self._index = index
        self._schemas = schemas
        self._meter = meter
        self._shapes: dict[int, _Shape | None] = {}

    async def follow(self, model: Model, topic: str) -> int:
        """Return once the index knows every record the topic held when this was called.

        What is returned is how many partitions the topic has.
        """
        await asyncio.to_thread(self._index.keep, model.name, topic, _kept_columns(model))
        ends = await self._log.end_offsets(topic)
        start = await asyncio.to_thread(self._index.next_offsets, topic)
        if any(offset > ends.get(partition, 0) for partition, offset in start.items()):
            # The topic was made anew: what we know of it is of another life.
            await asyncio.to_thread(self._index.forget, model.name, topic)
            start = {}
        total = sum(max(0, end - start.get(p, 0)) for p, end in ends.items())
        if not total:
            return len(ends)
        epochs = await asyncio.to_thread(self._index.epochs, topic)
        gathered = _Gathered(epochs)
        async for rows, positions in self._log.read(topic, start):
            await self._learn_shapes(model, rows)
            await asyncio.to_thread(self._gather, model, rows, gathered)
            gathered.positions = positions
            if len(gathered.known) >= GATHERED_ROWS:
                await asyncio.to_thread(self._remember, model, topic, gathered)
                gathered = _Gathered(epochs)
            left = sum(max(0, end - positions.get(p, 0)) for p, end in ends.items())
            self._meter.catching_up(model.name, total - left, total)
        await asyncio.to_thread(self._remember, model, topic, gathered)
        return len(ends)

    async def close(self) -> None:
        """Close the log."""
        await self._log.close()

    def _gather(self, model: Model, rows: Sequence[LoggedRow], gathered: _Gathered) -> None:
        for row in rows:
            if row.epoch is None:  # somebody else's: not what the model says, whatever it holds
                gathered.known[row.key] = KnownRow(row.key, _NO_ROWS_HASH, row.partition)
            elif row.epoch < gathered.epochs.get(row.partition, 0):
                gathered.superseded += 1
                if model.watermark is None:
                    gathered.known[row.key] = self._in_doubt(model, row)
                else:
                    gathered.known.pop(row.key, None)
                    gathered.doubted[row.key] = row.changed_at_ns
            else:
                gathered.epochs[row.partition] = row.epoch
                known, before = self._known(model, row), gathered.known.get(row.key)
                if known.row_hash is None and before and before.partition != row.partition:
                    continue  # a row that moved left its tombstone behind
                gathered.known[row.key] = known

    def _remember(self, model: Model, topic: str, gathered: _Gathered) -> None:
        if gathered.doubted:  # remembering ends the doubt of those known since
            self._index.doubt(model.name, gathered.doubted)
        known = list(gathered.known.values())
        self._index.remember(model.name, known, topic, gathered.positions, gathered.epochs)
        if gathered.superseded:
            self._meter.superseded(model.name, gathered.superseded)

    def _in_doubt(self, model: Model, row: LoggedRow) -> KnownRow:
        found = self._known(model, row)
        return found._replace(row_hash=_NO_ROWS_HASH) if found.row_hash else found

    def _known(self, model: Model, row: LoggedRow) -> KnownRow:
        if row.value is None:
            return KnownRow(row.key, None, row.partition)
        if row.row_hash is None:
            # A delete without its tombstone: the key is still to be cleared away.
            return KnownRow(row.key, b"", row.partition, delete=row.value)
        if model.watermark is not None:
            return KnownRow(row.key, row.row_hash, row.partition)
        schema_id = _schema_id(row.value)
        shape = None if schema_id is None else self._shapes.get(schema_id)
        if shape is None:
            return KnownRow(row.key, row.row_hash, row.partition)
        try:
            delete, filled = shape.of(row.value, model)
        except UndecodableError:
            return KnownRow(row.key, row.row_hash, row.partition)
        return KnownRow(row.key, row.row_hash, row.partition, delete, filled)

    async def _learn_shapes(self, model: Model, rows: Sequence[LoggedRow]) -> None:
        if model.watermark is not None:
            return
        needed = {_schema_id(row.value) for row in rows if row.value is not None}
        for schema_id in needed:
            if schema_id is not None and schema_id not in self._shapes:
                self._shapes[schema_id] = await self._shape(schema_id)

    async def _shape(self, schema_id: int) -> _Shape | None:
        schema = await self._schemas.by_id(schema_id)
        try:
            return None if schema is None else _Shape(schema, schema_id)
        except UndecodableError:
            return None  # somebody else's: of its rows no delete record can be made


class _Shape:
    """What is read from a record of one schema for the day its row leaves."""

    def __init__(self, schema: str, schema_id: int) -> None:
        self._columns: tuple[Column, ...] = columns_of(schema)
        self._decoder = RowDecoder(schema)
        self._encoder = RowEncoder(schema, schema_id, self._columns)
        self._filled = filled_columns(self._columns)

    def of(self, value: bytes, model: Model) -> tuple[bytes, bytes]:
        """Return the delete record of a row, and which columns it fills."""
        fields = self._decoder.decode(value)
        row = [fields[avro_name(c.name)] for c in self._columns]
        keep = {i for i, c in enumerate(self._columns) if c.name in model.kept_at_delete}
        return self._encoder.encode_only(row, keep), self._filled(row)


def _kept_columns(model: Model) -> str:
    return ",".join(sorted(model.kept_at_delete)) if model.watermark is None else ""


def _schema_id(value: bytes) -> int | None:
    try:
        return schema_id_of(value)
    except UndecodableError:
        return None
