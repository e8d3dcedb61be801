"""Interpret: a message becomes the item of a call, or the reason why it never can be one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from connectors.avro import UndecodableError, avro_name, schema_id_of
from connectors.errors import ConfigurationError
from connectors.physical import PhysicalDecoder
from connectors.ports import Schemas
from connectors.records import (
    Column,
    Item,
    MappedRow,
    Message,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
)
from worker.rules.mapping import (
    Mapper,
    MappingPolicy,
    MissingColumnError,
    UnmappableError,
    compile_mapping,
)


class Encoder(Protocol):
    """The destination, as interpret sees it."""

    @property
    def removes(self) -> bool: ...
    def encode(
        self, row: MappedRow, key: bytes, *, gone: bool = False
    ) -> Item | Rejected | None: ...


class Agree(Protocol):
    """Whoever knows whether the destination takes rows with these columns."""

    async def check(self, columns: Sequence[Column]) -> None: ...


class _Reader(NamedTuple):
    """How rows of one schema are read. `who` maps a delete record, which holds little else."""

    decoder: PhysicalDecoder
    row: Mapper
    who: Mapper


class InterpretStage:
    """Decodes, maps and encodes the messages of one sync."""

    def __init__(
        self,
        sync: str,
        mapping: MappingPolicy,
        schemas: Schemas,
        encoder: Encoder,
        agree: Agree | None = None,
    ) -> None:
        self._sync = sync
        self._mapping = mapping
        self._schemas = schemas
        self._encoder = encoder
        self._agree = agree
        # One entry per schema that rows of the topic have.
        self._readers: dict[int, _Reader] = {}

    async def learn(self, messages: Sequence[Message]) -> None:
        """Fetch the schemas these messages need.

        Raises RetryableError when they can't be had now, ConfigurationError when the column to
        match by is not in one of them, or when the destination is certain to refuse their fields.
        """
        needed = dict.fromkeys(_schema_id(message) for message in messages)
        for schema_id in needed:
            if schema_id is not None and schema_id not in self._readers:
                reader = await self._reader(schema_id)
                if reader is not None:  # what nobody knows now may be known later
                    self._readers[schema_id] = reader

    def item(self, message: Message) -> Item | Skipped | Rejected:
        """Return what to send for a message whose schema was learnt."""
        gone = _header(message, "op") == b"delete"
        if message.value is None or (gone and not self._encoder.removes):
            return Skipped(SkipReason.DELETED)
        schema_id = _schema_id(message)
        reader = None if schema_id is None else self._readers.get(schema_id)
        if reader is None:
            return Rejected(RejectReason.UNDECODABLE)
        try:
            return self._mapped(reader, message.value, message.key, gone=gone)
        except UndecodableError:
            return Rejected(RejectReason.UNDECODABLE)
        except (UnmappableError, TypeError, ValueError, RecursionError, OverflowError):
            # Libraries have words of their own for what no JSON holds: one row stops nobody.
            return Rejected(RejectReason.UNMAPPABLE)

    def _mapped(
        self, reader: _Reader, value: bytes, key: bytes, *, gone: bool
    ) -> Item | Skipped | Rejected:
        row = (reader.who if gone else reader.row)(reader.decoder.decode(value))
        if row.wanted or gone:
            item = self._encoder.encode(row, key, gone=gone)
            return Rejected(RejectReason.INVALID_IDENTITY) if item is None else item
        # Of a row that is left out and is nobody's there is nobody to remove.
        item = self._encoder.encode(row, key, gone=True) if self._encoder.removes else None
        return Skipped(SkipReason.FILTERED) if item is None else item

    def changed_at_ns(self, message: Message) -> int:
        """Return when the model says the row changed, in nanoseconds; 0 when it does not say."""
        value = _header(message, "changed_at")
        return int(value) if value is not None and value.isdigit() else 0

    async def _reader(self, schema_id: int) -> _Reader | None:
        schema = await self._schemas.by_id(schema_id)
        if schema is None:
            return None
        try:
            decoder = PhysicalDecoder(schema, self._mapping.columns)
            row = compile_mapping(self._mapping, decoder.columns, avro_name)
            who = row  # what removes is matched by the key, and that is in every schema
            if self._mapping.match_column in {column.name for column in decoder.columns}:
                only = MappingPolicy(self._mapping.match_column, {})
                who = compile_mapping(only, decoder.columns, avro_name)
            if self._agree is not None:
                await self._agree.check(decoder.columns)
            return _Reader(decoder, row, who)
        except UndecodableError:
            return None
        except MissingColumnError as error:
            raise ConfigurationError(
                f"sync {self._sync}: {error}; correct `match`, or bring the column back in the "
                f"model's SQL; if it came later, leave the rows of before out with `filter: "
                f"{error.column} != null`",
                kind="missing_column",
            ) from None


def _header(message: Message, name: str) -> bytes | None:
    for key, value in message.headers:
        if key == name:
            return value
    return None


def _schema_id(message: Message) -> int | None:
    if message.value is None:
        return None
    try:
        return schema_id_of(message.value)
    except UndecodableError:
        return None
