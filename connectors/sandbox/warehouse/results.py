"""Results that clients may still fetch: the newest ones, cut into chunks when a client asks.

A chunk is made from the Arrow table at the moment it is downloaded, so a result nobody reads to its
end costs nothing more, and memory is bounded by the rows of the newest results.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa

from connectors.sandbox.warehouse.fakesnow_cured import to_ipc, to_sf

T = TypeVar("T")
MAX_KEPT_RESULTS = 64
MAX_KEPT_ROWS = 1_000_000  # of the marketing table: about 1.5 GB


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: an Arrow table, or for DML the counts as text in `counts`."""

    query_id: str
    statement_type: int
    rowtype: list[dict[str, Any]]
    table: pa.Table | None
    counts: list[list[str | None]] | None
    database: str | None
    schema: str | None

    @property
    def row_count(self) -> int:
        if self.table is not None:
            return int(self.table.num_rows)
        return len(self.counts or ())

    def arrow(self, offset: int, length: int) -> bytes:
        """Those rows as Snowflake's Arrow stream; empty bytes when there is no table."""
        if self.table is None:
            return b""
        buffer: pa.Buffer = to_ipc(to_sf(self.table.slice(offset, length), self.rowtype))
        return bytes(buffer)

    def gzipped_arrow(self, offset: int, length: int) -> bytes:
        """The same, compressed lightly: the client pays for unpacking as with the real one."""
        return bytes(gzip_lightly(self.arrow(offset, length)))

    def arrow_bytes(self, offset: int, length: int) -> int:
        """About how long `arrow` would be, without making it."""
        return 0 if self.table is None else int(self.table.slice(offset, length).nbytes)


def gzip_lightly(data: bytes) -> bytes:
    """Compress with the interpreter lock released."""
    return bytes(pa.Codec("gzip", compression_level=1).compress(data, asbytes=True))


class NewestResults(OrderedDict[str, T], Generic[T]):
    """Keeps the newest values, up to a count and a number of rows; always the newest one.

    A mapping, since fakesnow writes its own results into one too.
    """

    def __init__(self, rows_of: Callable[[T], int]) -> None:
        super().__init__()
        self._rows_of = rows_of
        self._rows = 0
        self._lock = threading.RLock()

    def __setitem__(self, query_id: str, value: T) -> None:
        with self._lock:
            super().__setitem__(query_id, value)
            self._rows += self._rows_of(value)
            while len(self) > 1 and (len(self) > MAX_KEPT_RESULTS or self._rows > MAX_KEPT_ROWS):
                self._rows -= self._rows_of(self.popitem(last=False)[1])
