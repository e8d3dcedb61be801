"""Stand-ins for the ports of the polling half, over one table; each step may be a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from connectors.errors import RetryableError
from connectors.ports import KnownRow
from connectors.records import (
    Change,
    Column,
    ColumnType,
    LedgerEntry,
    LedgerRecord,
    Model,
    Page,
    Window,
)
from worker.rules.window import NS, to_ns, to_text

NOON_NS = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * NS
COLUMNS = (
    Column("ID", ColumnType.TEXT),
    Column("NAME", ColumnType.TEXT),
    Column("CHANGED", ColumnType.TIMESTAMP_TZ),
)
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
        self.missing = (0, 0)
        self.topic: list[Change] = []
        self.ledger: list[LedgerEntry] = []
        self.schemas: dict[int, str] = {}
        self.windows: list[Window] = []
        self.returned: set[str] = set()
        self.followed: list[int] = []
        self.tokens_asked = 0
        self.steps = 0
        self.crash_at = -1
        self.failure: RetryableError | None = None

    def step(self) -> None:
        """Pass a point at which a process may end; every effect lies between two of them."""
        self.steps += 1
        if self.steps == self.crash_at:
            raise CrashError
        if self.failure is not None:
            raise self.failure

    def write(self, name: str, *keys: str) -> None:
        """Change rows now; all of them get one change time, as a daily build does."""
        self.clock_ns += NS
        self.table |= dict.fromkeys(keys, (self.clock_ns, name))

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

    async def missing_values(self, _: Model) -> tuple[int, int]:
        return self._outside.missing

    async def read(self, window: Window) -> AsyncIterator[Page]:
        outside = self._outside
        outside.step()
        outside.windows.append(window)
        rows = sorted((to_text(ns), key, name) for key, (ns, name) in outside.table.items())
        found = [row for row in rows if _within(window, row[0], row[1])][: window.limit]
        outside.returned |= {key for _, key, _ in found}
        for start in range(0, len(found), self._page_rows):
            part = found[start : start + self._page_rows]
            values = [(key, name, _moment(mark)) for mark, key, name in part]
            yield Page(outside.columns, values, [to_ns(mark) for mark, _, _ in part])
            outside.step()

    async def close(self) -> None:
        return


class FakeProducer:
    """The Producer port over the topic."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> dict[int, range]:
        assert (topic, epoch) > ("", 0)
        self._outside.step()
        start = len(self._outside.topic)
        self._outside.topic += changes
        self._outside.step()
        return {0: range(start, len(self._outside.topic))}

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
    ) -> AsyncIterator[tuple[Sequence[KnownRow], Mapping[int, int]]]:
        first = start.get(0, 0)
        rows = [KnownRow(one.key, one.row_hash) for one in self._outside.topic[first:]]
        self._outside.followed.append(len(rows))
        yield rows, {0: len(self._outside.topic)}

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


class PollingMeter:
    """Remembers what the polling stages report."""

    def __init__(self) -> None:
        self.read = self.published = self.unchanged = self.duplicates = 0
        self.results: list[str] = []
        self.states: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.used: list[tuple[int, int]] = []
        self.watermarks: list[int | None] = []

    def polled(self, _: str, result: str, now: float) -> None:
        assert now > 0
        self.results.append(result)

    def poll_error(self, _: str, kind: str) -> None:
        self.errors.append(kind)

    def poll_state(self, _: str, state: str, reason: str) -> None:
        self.states.append((state, reason))

    def rows_read(self, _: str, *, published: int, unchanged: int) -> None:
        self.read += published + unchanged
        self.published += published
        self.unchanged += unchanged

    def duplicate_keys(self, _: str, rows: int) -> None:
        self.duplicates += rows

    def mqr(self, used: int, reserved: int, period: str) -> None:
        assert period
        self.used.append((used, reserved))

    def committed(self, _: str, watermark_ns: int | None) -> None:
        self.watermarks.append(watermark_ns)


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
