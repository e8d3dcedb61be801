"""What a page's rows become: keys, hashes, the partition they belong to."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.errors import ConfigurationError, unknown_column
from connectors.records import Column, Model, Page
from worker.rules.fingerprint import key_text, row_hasher
from worker.rules.guards import blanked_columns, filled_columns
from worker.rules.watermark import Watermark


@dataclass(frozen=True, slots=True)
class Rows:
    """A model's rows as one poll returns them."""

    model: Model
    columns: tuple[Column, ...]
    watermark: Watermark | None
    key_index: int
    partition_index: int
    digest: Callable[[Sequence[object]], bytes]
    filled: Callable[[Sequence[object]], bytes]
    blanked: Callable[[bytes, Sequence[object]], tuple[str, ...]]

    @classmethod
    def of(cls, model: Model, columns: Sequence[Column], watermark: Watermark | None) -> Rows:
        """Return them; ConfigurationError names the first column that a sync needs and misses."""
        for needed in sorted(model.needed_columns):
            index_of(model, columns, needed)
        ignored = {*model.ignore_changes_in, *({model.watermark} if model.watermark else ())}
        return cls(
            model,
            tuple(columns),
            watermark,
            index_of(model, columns, model.primary_key),
            index_of(model, columns, model.partition_by or model.primary_key),
            row_hasher(columns, ignored),
            filled_columns(columns),
            blanked_columns(columns),
        )

    @property
    def kept_at_delete(self) -> frozenset[int]:
        """Where the columns stand that a delete record still carries."""
        kept = self.model.kept_at_delete
        return frozenset(i for i, c in enumerate(self.columns) if c.name in kept)

    def changed_at_ns(self, page: Page, i: int, clock_ns: int) -> int:
        """Return when a row changed, as far as its watermark says; else when it was read."""
        if self.watermark is None:
            return clock_ns
        return self.watermark.changed_at_ns(page.watermarks[i], clock_ns)

    def unencodable(self) -> ConfigurationError:
        """Return the error for a value that its column's type can't hold, without the value."""
        return ConfigurationError(
            f"model {self.model.name} holds a value that does not fit its column's type: cast the "
            "column in its SQL",
            kind="unencodable",
        )


def keys_of(rows: Rows, page: Page) -> list[bytes]:
    """Return the page's keys in canonical form.

    Raises ConfigurationError for a row without one: a source that returns such rows is broken.
    """
    keys = [row[rows.key_index] for row in page.rows]
    if None in keys:
        raise ConfigurationError(
            f"model {rows.model.name} returns a row whose primary key {rows.model.primary_key} is "
            "NULL: leave such rows out in its SQL",
            kind="null_key",
        )
    return [key_text(key).encode() for key in keys]


def partition_hash(value: object, key: bytes) -> int:
    """Return the CRC32 that librdkafka partitions by: one profile's rows stay in order."""
    return zlib.crc32(key if value is None else key_text(value).encode())


def index_of(model: Model, columns: Sequence[Column], name: str) -> int:
    """Return where a column stands; ConfigurationError when the model has no such column."""
    for i, column in enumerate(columns):
        if column.name == name:
            return i
    raise unknown_column(model.name, name, (c.name for c in columns))
