"""What a watermark column means: which moment a value stands for, and where a poll reads.

    column                     value in the ledger               re-read below it     read up to
    TIMESTAMP_LTZ, _TZ, _NTZ   2026-11-24 08:45:00.123456789     overlap              clock - settle
    DATE                       2026-11-24                        at least the day     today, whole
    NUMBER, epoch              1795855500123 (unit ms)           overlap              clock - settle
    NUMBER, counter            4711                              overlap in numbers   its end

A page carries watermarks as numbers (nanoseconds, days, or the integer itself), since one number a
row is cheap; the ledger carries text, since text is exact and sorts out what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connectors.errors import ConfigurationError, wrong_watermark
from connectors.records import Column, ColumnType, Model, Position
from worker.rules.window import WindowPolicy

NS = 1_000_000_000
_DAY_SECONDS = 86_400
_UNIT_NS = {"s": NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{9})")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_EPOCH = date(1970, 1, 1)
# 0001-01-01 often stands for "never": below it there is no date to start at.
_FIRST_NS = -62_135_596_800 * NS


@dataclass(frozen=True, slots=True)
class TimestampWatermark:
    """Nanoseconds since 1970 UTC."""

    @property
    def kind(self) -> str:
        """What the column is, in words."""
        return "a timestamp"

    def text(self, number: int) -> str:
        """Return a page's number as the ledger's text."""
        return to_text(number)

    def changed_at_ns(self, number: int, clock_ns: int) -> int:  # noqa: ARG002  # one shape for all
        """Return the moment that stands for a change."""
        return number

    def start(self, watermark: Position | None, policy: WindowPolicy) -> Position | None:
        """Return where a poll starts: the overlap below the watermark."""
        if watermark is None or policy.overlap_seconds <= 0:
            return watermark
        start = to_ns(watermark.value) - int(policy.overlap_seconds * NS)
        return Position(to_text(max(_FIRST_NS, start)))

    def end(self, clock_ns: int, policy: WindowPolicy) -> str | None:
        """Return the text before which rows are settled, by the source's own clock."""
        return to_text(clock_ns - int(policy.settle_delay_seconds * NS))

    def at(self, changed_at_ns: int) -> Position | None:
        """Return the position before every row that changed at that moment."""
        return Position(to_text(changed_at_ns))


@dataclass(frozen=True, slots=True)
class DateWatermark:
    """Days since 1970. All that changed on a day has one value: the day is read until it is over.

    Read at noon, a row of the afternoon would lie before the watermark and be lost; so at least the
    watermark's own day and the one before are read again.
    """

    @property
    def kind(self) -> str:
        """What the column is, in words."""
        return "a date"

    def text(self, number: int) -> str:
        """Return a page's number as the ledger's text."""
        return (_EPOCH + timedelta(days=number)).isoformat()

    def changed_at_ns(self, number: int, clock_ns: int) -> int:
        """Return the moment that stands for a change: the day's end, or now while it lasts."""
        return min((number + 1) * _DAY_SECONDS * NS, clock_ns)

    def start(self, watermark: Position | None, policy: WindowPolicy) -> Position | None:
        """Return where a poll starts: at least a day below the watermark."""
        if watermark is None:
            return None
        days = max(1, -(-int(policy.overlap_seconds) // _DAY_SECONDS))
        return Position(_days_before(date.fromisoformat(watermark.value), days))

    def end(self, clock_ns: int, policy: WindowPolicy) -> str | None:  # noqa: ARG002
        """Return the day after the source's today."""
        today = datetime.fromtimestamp(clock_ns // NS, tz=UTC).date()
        return (today + timedelta(days=1)).isoformat()

    def at(self, changed_at_ns: int) -> Position | None:
        """Return the position before every row that changed around that moment."""
        day = datetime.fromtimestamp(changed_at_ns // NS, tz=UTC).date()
        return Position(_days_before(day, 1))


@dataclass(frozen=True, slots=True)
class EpochWatermark:
    """An integer that counts seconds, milli-, micro- or nanoseconds since 1970."""

    unit_ns: int

    @property
    def kind(self) -> str:
        """What the column is, in words."""
        return "an epoch"

    def text(self, number: int) -> str:
        """Return a page's number as the ledger's text."""
        return str(number)

    def changed_at_ns(self, number: int, clock_ns: int) -> int:  # noqa: ARG002  # one shape for all
        """Return the moment that stands for a change."""
        return number * self.unit_ns

    def start(self, watermark: Position | None, policy: WindowPolicy) -> Position | None:
        """Return where a poll starts: the overlap below the watermark."""
        if watermark is None or policy.overlap_seconds <= 0:
            return watermark
        return Position(str(int(watermark.value) - self._units(policy.overlap_seconds)))

    def end(self, clock_ns: int, policy: WindowPolicy) -> str | None:
        """Return the number before which rows are settled, by the source's own clock."""
        return str((clock_ns - int(policy.settle_delay_seconds * NS)) // self.unit_ns)

    def at(self, changed_at_ns: int) -> Position | None:
        """Return the position before every row that changed at that moment."""
        return Position(str(changed_at_ns // self.unit_ns))

    def _units(self, seconds: float) -> int:
        return -(-int(seconds * NS) // self.unit_ns)


@dataclass(frozen=True, slots=True)
class CounterWatermark:
    """An integer that only grows, like a version or a sequence: it says nothing of time."""

    @property
    def kind(self) -> str:
        """What the column is, in words."""
        return "a counter, which says nothing of time"

    def text(self, number: int) -> str:
        """Return a page's number as the ledger's text."""
        return str(number)

    def changed_at_ns(self, number: int, clock_ns: int) -> int:  # noqa: ARG002  # one shape for all
        """Return the moment that stands for a change: when it was read."""
        return clock_ns

    def start(self, watermark: Position | None, policy: WindowPolicy) -> Position | None:
        """Return where a poll starts: some numbers below the watermark.

        Two transactions take 41 and 42, 42 commits first: 41 appears below the watermark.
        """
        if watermark is None or policy.overlap_numbers <= 0:
            return watermark
        return Position(str(int(watermark.value) - policy.overlap_numbers))

    def end(self, clock_ns: int, policy: WindowPolicy) -> str | None:  # noqa: ARG002
        """Return None: no clock bounds a counter."""
        return None

    def at(self, changed_at_ns: int) -> Position | None:  # noqa: ARG002  # one shape for all
        """Return None: no number is known for a moment."""
        return None


Watermark = TimestampWatermark | DateWatermark | EpochWatermark | CounterWatermark


def watermark_of(model: Model, columns: Sequence[Column]) -> Watermark | None:
    """Return what the model's watermark column means; None for a snapshot.

    Raises ConfigurationError for a column that no row can be read by: a wall clock without a zone
    goes backwards once a year, so of two rows the later can carry the smaller value.
    """
    column = next((c for c in columns if c.name == model.watermark), None)
    if model.watermark is None or column is None:
        return None
    if model.watermark_unit and column.type is not ColumnType.DECIMAL:
        raise ConfigurationError(
            f"model {model.name}: `watermark_unit` is for whole numbers, the watermark "
            f"{column.name} is {column.type.value}: leave it out",
            kind="watermark_unit",
        )
    match column.type:
        case ColumnType.TIMESTAMP_TZ:
            return TimestampWatermark()
        case ColumnType.TIMESTAMP_NTZ if model.watermark_zone == "UTC":
            return TimestampWatermark()
        case ColumnType.TIMESTAMP_NTZ:
            raise ConfigurationError(
                f"model {model.name}: the watermark {column.name} has no time zone "
                "(TIMESTAMP_NTZ); say `watermark_zone: UTC` if it is written in UTC",
                kind="watermark_zone",
            )
        case ColumnType.DATE:
            return DateWatermark()
        case ColumnType.DECIMAL if column.scale == 0 and model.watermark_unit:
            return EpochWatermark(_UNIT_NS[model.watermark_unit])
        case ColumnType.DECIMAL if column.scale == 0:
            return CounterWatermark()
    raise wrong_watermark(model.name, column.name, column.type.value)


def _days_before(day: date, days: int) -> str:
    return date.fromordinal(max(1, day.toordinal() - days)).isoformat()


def to_ns(text: str) -> int:
    """Return nanoseconds since 1970 UTC of watermark text; ValueError for any other text."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError("a watermark is written YYYY-MM-DD HH:MM:SS.NNNNNNNNN")
    year, month, day, hour, minute, second, fraction = (int(g) for g in match.groups())
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * NS + fraction


def to_text(ns: int) -> str:
    """Return watermark text of nanoseconds since 1970 UTC, always with nine digits."""
    seconds, fraction = divmod(ns, NS)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    # Not strftime: it writes the year 999 with three digits.
    return f"{moment.replace(tzinfo=None).isoformat(' ', 'seconds')}.{fraction:09d}"


def moment_ns(position: Position | None) -> int | None:
    """Return the moment a ledger's watermark stands for, where it stands for one."""
    if position is None:
        return None
    if _TEXT.fullmatch(position.value):
        return to_ns(position.value)
    if _DATE.fullmatch(position.value) is None:
        return None  # a number: the ledger does not say what it counts
    return (date.fromisoformat(position.value) - _EPOCH).days * _DAY_SECONDS * NS
