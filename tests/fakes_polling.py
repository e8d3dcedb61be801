"""Stand-ins for the ports of the polling half, over one table; each step may be a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.errors import RetryableError
from connectors.ports import LoggedRow, Sent
from connectors.records import (
    Change,
    Column,
    ColumnType,
    LedgerEntry,
    LedgerRecord,
    Model,
    Page,
    Survey,
    Window,
)
from worker.rules.watermark import NS, to_ns, to_text

NOON_NS = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * NS
COLUMNS = (
    Column("ID", ColumnType.TEXT),
    Column("NAME", ColumnType.TEXT),
    Column("CHANGED", ColumnType.TIMESTAMP_TZ),
)
BLANK = "<null>"  # this name stands for a NULL
PEOPLE = Model("people", "SELECT * FROM PEOPLE", "ID", "CHANGED", change_tokens=("PEOPLE",))


class CrashError(Exception):
    """The process ends here."""


class Outside:
    """Warehouse, topic, ledger and schemas: what outlives a process."""

    def __init__(self, model: Model = PEOPLE) -> None:
        self.model = model
        self.table: dict[str, tuple[int, str]] = {}
        self.clock_ns = NOON_NS
        self.columns: tuple[Column, ...] = COLUMNS
        self.unusable = Survey(0)
        self.topic: list[Change] = []
        self.epochs: list[int] = []
        self.too_large: set[bytes] = set()
        self.ledger: list[LedgerEntry] = []
        self.schemas: dict[int, str] = {}
        self.twins: list[tuple[str, int, str]] = []
        self.meanwhile: list[Callable[[], object]] = []
        self.partitions = 1
        self.log_rows = 1_000
        self.log_fails_at = -1
        self.windows: list[Window] = []
        self.returned: set[str] = set()
        self.statements: list[tuple[int, frozenset[str]]] = []
        self.followed: list[int] = []
        self.tokens_asked = 0
        self.steps = 0
        self.crash_at = -1
        self.crash_when: Callable[[], bool] = lambda: False
        self.failure: RetryableError | None = None

    def step(self) -> None:
        """Pass a point at which a process may end; every effect lies between two of them."""
        self.steps += 1
        if self.steps == self.crash_at or self.crash_when():
            raise CrashError
        if self.failure is not None:
            raise self.failure

    def write(self, name: str, *keys: str) -> None:
        """Change rows now; all of them get one change time, as a daily build does."""
        self.clock_ns += NS
        self.table |= dict.fromkeys(keys, (self.clock_ns, name))

    def key(self, text: str) -> Any:
        """Return a key as the source has it: text, or a number where the column says so."""
        return Decimal(text) if self.columns[0].type is ColumnType.DECIMAL else text

    def newest(self) -> dict[str, str]:
        """Return what the topic holds of each key, oldest record first to be replaced."""
        return {one.key.decode(): (one.value or b"").decode(errors="replace") for one in self.topic}

    def published(self) -> list[str]:
        return [one.key.decode() for one in self.topic]


class FakeSource:
    """The Source port over the table."""

    def __init__(self, outside: Outside, page_rows: int = 3) -> None:
        self._outside = outside
        self._page_rows = page_rows

    async def clock_ns(self) -> int:
        self._outside.step()
        return self._outside.clock_ns

    async def change_token(self, objects: Sequence[str]) -> str:
        assert objects
        self._outside.tokens_asked += 1
        return str(max((changed for changed, _ in self._outside.table.values()), default=0))

    async def describe(self, _: Model) -> tuple[Column, ...]:
        return self._outside.columns

    async def survey(self, window: Window) -> Survey:
        return replace(self._outside.unusable, rows=len(self._found(window)))

    async def read(self, window: Window) -> AsyncIterator[Page]:
        outside = self._outside
        outside.step()
        outside.windows.append(window)
        for change in outside.meanwhile[:1]:
            outside.meanwhile.remove(change)
            change()
        found = self._found(window)[: window.limit]
        keys = frozenset(key for _, key, _ in found)
        outside.returned |= keys
        outside.statements.append((outside.clock_ns, keys))
        for start in range(0, len(found), self._page_rows):
            part = found[start : start + self._page_rows]
            values = [
                (outside.key(key), None if name == BLANK else name, _moment(mark))
                for mark, key, name in part
            ]
            marks = [to_ns(mark) for mark, _, _ in part] if window.model.watermark else []
            yield Page(outside.columns, values, marks)
            outside.step()

    def _found(self, window: Window) -> list[tuple[str, str, str]]:
        rows = [(to_text(ns), key, name) for key, (ns, name) in self._outside.table.items()]
        rows += [(to_text(ns), key, name) for key, ns, name in self._outside.twins]
        if window.model.watermark is None:
            in_order = sorted(rows, key=lambda row: self._outside.key(row[1]))
            if window.after is None or window.after.key is None:
                return in_order
            after = self._outside.key(window.after.key)
            return [row for row in in_order if self._outside.key(row[1]) > after]
        return [row for row in sorted(rows) if _within(window, row[0], row[1])]

    async def close(self) -> None:
        return


class FakeProducer:
    """The Producer port over the topic."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        assert (topic, epoch) > ("", 0)
        outside = self._outside
        outside.step()
        start = len(outside.topic)
        taken = [one for one in changes if one.key not in outside.too_large]
        outside.topic += taken
        outside.epochs += [epoch] * len(taken)
        outside.step()
        refused = frozenset(i for i, one in enumerate(changes) if one not in taken)
        partitions = [one.partition_hash % outside.partitions for one in changes]
        known = not refused and outside.partitions == 1
        offsets = {0: range(start, len(outside.topic))} if known else {}
        return Sent(partitions, offsets, refused)

    async def close(self) -> None:
        return


class FakeModelLog:
    """The ModelLog port over the topic."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def end_offsets(self, _: str) -> dict[int, int]:
        return {0: len(self._outside.topic)}

    async def read(
        self, _: str, start: Mapping[int, int]
    ) -> AsyncIterator[tuple[Sequence[LoggedRow], Mapping[int, int]]]:
        first = start.get(0, 0)
        records = zip(self._outside.topic[first:], self._outside.epochs[first:], strict=True)
        parts = self._outside.partitions
        rows = [_logged(one, one.partition_hash % parts, epoch) for one, epoch in records]
        self._outside.followed.append(len(rows))
        for begin in range(0, len(rows) or 1, self._outside.log_rows):
            portion = rows[begin : begin + self._outside.log_rows]
            if 0 <= self._outside.log_fails_at < first + begin + len(portion):
                raise RetryableError("the topic can't be read", kind="log_stalled")
            yield portion, {0: first + begin + len(portion)}

    async def close(self) -> None:
        return


class FakeLedger:
    """The Ledger port over a list."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def append(self, entry: LedgerEntry) -> int:
        self._outside.step()
        self._outside.ledger.append(entry)
        self._outside.step()
        return len(self._outside.ledger) - 1

    async def read(self, from_offset: int) -> AsyncIterator[Sequence[LedgerRecord]]:
        entries = enumerate(self._outside.ledger[from_offset:], from_offset)
        yield [LedgerRecord(offset, entry) for offset, entry in entries]

    async def close(self) -> None:
        return


class FakeSchemas:
    """The Schemas port over a dictionary."""

    def __init__(self, outside: Outside) -> None:
        self._known = outside.schemas

    async def register(self, _: str, schema: str) -> int:
        for schema_id, known in self._known.items():
            if known == schema:
                return schema_id
        self._known[len(self._known) + 1] = schema
        return len(self._known)

    async def by_id(self, schema_id: int) -> str | None:
        return self._known.get(schema_id)

    async def close(self) -> None:
        return


def _logged(change: Change, partition: int, epoch: int) -> LoggedRow:
    row_hash = None if change.op == "delete" else change.row_hash
    known, at_ns = None if epoch < 0 else epoch, change.changed_at_ns
    return LoggedRow(change.key, partition, known, at_ns, row_hash, change.value)


def _within(window: Window, mark: str, key: str) -> bool:
    if window.before is not None and mark >= window.before:
        return False
    if window.after is None:
        return True
    if window.after.key is None:
        return mark >= window.after.value
    return (mark, key) > (window.after.value, window.after.key)


def _moment(mark: str) -> datetime:
    return datetime.fromisoformat(mark[:26]).replace(tzinfo=UTC)
