"""Publish: pages of rows become changes in the model's topic.

    page → hash → unknown to the index? → encode → send → every ack → index

The index learns a row only once the broker holds it. Ledger entries around it are the account's:
the reservation before the query runs, the commit after the last ack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.avro import RowEncoder, row_schema
from connectors.ports import DeadLetters, Index, KnownRow, Producer, Schemas, SeenRow
from connectors.records import (
    Change,
    Column,
    DeadLetter,
    Message,
    Model,
    Page,
    Partition,
    Position,
    RejectReason,
)
from worker.rules.changes import Rows, keys_of
from worker.rules.ledger import Ended, Progress, Reservation
from worker.rules.mqr import key_hashes
from worker.rules.watermark import Watermark


class Account(Protocol):
    """The ledger, as publish sees it."""

    @property
    def epoch(self) -> int: ...
    def progress(self, model: Model) -> Progress: ...
    async def still_ours(self) -> None: ...
    async def outrank(self, epochs: Iterable[int]) -> None: ...
    async def reserve(
        self, model: Model, schema_id: int, clock_ns: int, wanted: int, least: int
    ) -> Reservation | None: ...
    async def commit(
        self,
        reservation: Reservation,
        read: Position | None,
        change_token: str | None,
        ended: Ended,
    ) -> None: ...


class CatchUp(Protocol):
    """What brings the index up to date with a topic."""

    async def follow(self, model: Model, topic: str) -> int: ...
    async def close(self) -> None: ...


class Compare(Protocol):
    """What knows which rows are news."""

    def changes(
        self, rows: Rows, encoder: RowEncoder, page: Page, keys: Sequence[bytes], clock_ns: int
    ) -> list[Change]: ...
    def seen(
        self, rows: Rows, encoder: RowEncoder, page: Page, keys: Sequence[bytes], clock_ns: int
    ) -> list[SeenRow]: ...


class Admit(Protocol):
    """What refuses a model that can't go on as it stands."""

    async def admit(self, model: Model, topic: str, columns: Sequence[Column]) -> None: ...


class PublishMeter(Protocol):
    """What is counted here."""

    def rows_read(self, model: str, *, published: int, unchanged: int, too_large: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model with everything that its rows need on their way."""

    topic: str
    rows: Rows
    encoder: RowEncoder
    schema_id: int
    partitions: int

    @property
    def model(self) -> Model:
        """The model itself."""
        return self.rows.model


class PublishStage:
    """The only writer of model topics.

    `aside` holds, by model, the dead letters of its syncs: where a row goes that no topic takes.
    """

    def __init__(
        self,
        account: Account,
        producer: Producer,
        catch_up: CatchUp,
        admit: Admit,
        compare: Compare,
        index: Index,
        schemas: Schemas,
        aside: Mapping[str, Sequence[DeadLetters]],
        *,
        mqr_secret: bytes,
        meter: PublishMeter,
    ) -> None:
        self._account = account
        self._producer = producer
        self._catch_up = catch_up
        self._admit = admit
        self._compare = compare
        self._index = index
        self._schemas = schemas
        self._aside = aside
        self._mqr_secret = mqr_secret
        self._meter = meter

    def progress(self, model: Model) -> Progress:
        """Return how far a model is, by the ledger."""
        return self._account.progress(model)

    async def prepare(
        self, model: Model, topic: str, columns: Sequence[Column], watermark: Watermark | None
    ) -> Prepared:
        """Register the rows' schema and bring the index up to date with the topic.

        Raises ConfigurationError when a column is missing or has another type than before.
        """
        rows = Rows.of(model, columns, watermark)
        schema = row_schema(model.name, columns)
        schema_id = await self._schemas.register(f"{topic}-value", schema)
        partitions = await self._catch_up.follow(model, topic)
        await self._admit.admit(model, topic, columns)
        await self._account.outrank((await asyncio.to_thread(self._index.epochs, topic)).values())
        return Prepared(topic, rows, RowEncoder(schema, schema_id, columns), schema_id, partitions)

    async def doubted_since_ns(self, model: Model) -> int | None:
        """Return since when rows must be read again that a replaced poller wrote over."""
        return await asyncio.to_thread(self._index.doubted_since_ns, model.name)

    async def end_doubt(self, model: Model) -> None:
        """Note that everything since then was read again."""
        await asyncio.to_thread(self._index.end_doubt, model.name)

    async def reserve(
        self, prepared: Prepared, clock_ns: int, wanted: int, least: int
    ) -> Reservation | None:
        """Reserve rows to query; None when the MQR limit leaves fewer than `least`."""
        return await self._account.reserve(
            prepared.model, prepared.schema_id, clock_ns, wanted, least
        )

    async def commit(
        self,
        reservation: Reservation,
        read: Position | None,
        change_token: str | None,
        ended: Ended,
    ) -> None:
        """Commit what was added since the last commit."""
        await self._account.commit(reservation, read, change_token, ended)

    async def add(self, reservation: Reservation, prepared: Prepared, page: Page) -> None:
        """Put the page's changed rows into the topic; return once the broker holds them."""
        keys = await self.count(reservation, prepared, page)
        compared = (prepared.rows, prepared.encoder, page, keys, reservation.clock_ns)
        changes = await asyncio.to_thread(self._compare.changes, *compared)
        rows = [(change, b"", b"") for change in changes]
        too_large = await self.send(prepared, rows)
        published = len(changes) - too_large
        self._meter.rows_read(
            prepared.model.name,
            published=published,
            unchanged=len(keys) - len(changes),
            too_large=too_large,
        )

    async def compare(
        self, reservation: Reservation, prepared: Prepared, page: Page
    ) -> list[SeenRow]:
        """Return the page's rows for a snapshot: which of them changed, and what they blank."""
        keys = await self.count(reservation, prepared, page)
        compared = (prepared.rows, prepared.encoder, page, keys, reservation.clock_ns)
        seen = await asyncio.to_thread(self._compare.seen, *compared)
        unchanged = len(keys) - sum(row.change is not None for row in seen)
        self._meter.rows_read(prepared.model.name, published=0, unchanged=unchanged, too_large=0)
        return seen

    async def count(self, reservation: Reservation, prepared: Prepared, page: Page) -> list[bytes]:
        """Count the page's keys: they were queried, whatever happens to the page from here on."""
        keys = await asyncio.to_thread(keys_of, prepared.rows, page)
        reservation.mqr_keys += key_hashes(self._mqr_secret, prepared.model.name, keys)
        reservation.rows_read += len(keys)
        reservation.rows_since_commit += len(keys)
        return keys

    async def send(self, prepared: Prepared, rows: Sequence[tuple[Change, bytes, bytes]]) -> int:
        """Return once the broker holds every change and the index knows it; how many it refused.

        Each comes with what the index keeps of it: its delete record, and which columns it fills.
        """
        if not rows:
            return 0
        # A poller that slept through the takeover of another must not overwrite its rows.
        await self._account.still_ours()
        if prepared.model.partition_by is not None:
            moved = await asyncio.to_thread(self._moved, prepared, [change for change, *_ in rows])
            rows = [*((one, b"", b"") for one in moved), *rows]
        changes = [change for change, _, _ in rows]
        sent = await self._producer.send(prepared.topic, changes, self._account.epoch)
        if sent.too_large:
            refused = [(changes[i], sent.partitions[i]) for i in sorted(sent.too_large)]
            await self._set_aside(prepared, refused)
        known = [
            KnownRow(change.key, _hash(change), partition, delete, filled)
            for (change, delete, filled), partition in zip(rows, sent.partitions, strict=True)
        ]
        await asyncio.to_thread(self._remember, prepared, known, sent.offsets)
        return len(sent.too_large)

    async def close(self) -> None:
        """Close everything this stage writes with."""
        await self._producer.close()
        await self._schemas.close()
        await self._catch_up.close()
        for letters in self._aside.values():
            for one in letters:
                await one.close()
        await asyncio.to_thread(self._index.close)

    def _moved(self, prepared: Prepared, changes: Sequence[Change]) -> list[Change]:
        """Return tombstones for rows whose `partition_by` changed, where they stood until now.

            key 7, user 5 in partition 0 -> key 7, user 6 in partition 2: two newest versions

        Else both would stand for ever, and which of them is the newer one nobody could say.
        """
        stood = self._index.partitions(prepared.model.name, [change.key for change in changes])
        return [
            Change(change.key, None, before, b"", change.changed_at_ns, "delete")
            for change, before in zip(changes, stood, strict=True)
            if before is not None and before != change.partition_hash % prepared.partitions
        ]

    async def _set_aside(self, prepared: Prepared, refused: Sequence[tuple[Change, int]]) -> None:
        # Without its value: what no topic takes fits into no dead letter either.
        letters = [
            DeadLetter(
                Message(
                    Partition(prepared.topic, partition),
                    -1,
                    change.key,
                    None,
                    [("row_hash", change.row_hash), ("op", change.op.encode())],
                ),
                RejectReason.TOO_LARGE,
                stage="publish",
                http_status=0,
                attempts=1,
            )
            for change, partition in refused
        ]
        for dead_letters in self._aside.get(prepared.model.name, ()):
            await dead_letters.put(letters)

    def _remember(
        self, prepared: Prepared, rows: Sequence[KnownRow], offsets: Mapping[int, range]
    ) -> None:
        # Offsets move on only where ours follow directly on what is known; a gap means that
        # somebody else wrote, and the next poll reads the topic from there.
        known = self._index.next_offsets(prepared.topic)
        following = {p: r.stop for p, r in offsets.items() if r.start == known.get(p, 0)}
        epochs = dict.fromkeys(following, self._account.epoch)
        self._index.remember(prepared.model.name, rows, prepared.topic, following, epochs)


def _hash(change: Change) -> bytes | None:
    if change.value is None:
        return None
    return b"" if change.op == "delete" else change.row_hash
