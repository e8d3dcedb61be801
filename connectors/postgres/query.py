"""The SQL we send to PostgreSQL: pure text. Values are bound, identifiers checked and quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import ConfigurationError, unknown_column, wrong_watermark
from connectors.postgres.types import Native
from connectors.records import ColumnType, Model, Window
from connectors.sql import body, check_identifier, quoted

_MOMENT = re.compile(r"(\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?")
_WATERMARK_TYPES = {ColumnType.TIMESTAMP_TZ, ColumnType.TIMESTAMP_NTZ, ColumnType.DATE}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its binds, in order: $1 is the first."""

    sql: str
    binds: tuple[object, ...] = ()


def clock() -> Statement:
    """Ask for the source's clock, as microseconds since 1970: it has no finer ones."""
    return Statement("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8")


def session() -> Statement:
    """Set what every transaction of ours needs, for this transaction only.

    So a pooler in between may hand the connection to somebody else afterwards. A statement timeout
    of the role's or of the connection's options is left as it is.
    """
    return Statement(
        """SELECT set_config(ours.name, ours.value, true)
FROM (VALUES
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, YMD'),
    ('statement_timeout', '15min'),
    ('idle_in_transaction_session_timeout', '15min'),
    ('client_connection_check_interval', '10s'),
    ('cursor_tuple_fraction', '1')
) ours (name, value)
JOIN pg_settings theirs ON theirs.name = ours.name
WHERE ours.name <> 'statement_timeout' OR theirs.setting = '0'"""
    )


def types(oids: Sequence[int]) -> Statement:
    """Ask what types that are not built in are."""
    return Statement(
        "SELECT oid::int8, format_type(oid, NULL), typtype::text, typcategory::text "
        "FROM pg_type WHERE oid = ANY ($1::oid[])",
        (list(oids),),
    )


def describe(model: Model) -> Statement:
    """Name the columns: no row is read for LIMIT 0."""
    return Statement(f"SELECT m.* FROM (\n{body(model)}\n) m LIMIT 0")


def read(window: Window, natives: Sequence[Native]) -> Statement:
    """Read a window in (watermark, key) order; a snapshot in the order of its keys."""
    where = _Where(window.model, natives)
    where.add(window)
    values = ", ".join(f"{_value(native)} AS {quoted(native.column.name)}" for native in natives)
    order = where.key if where.watermark is None else f"{where.watermark}, {where.key}"
    return Statement(
        f"SELECT {values}\nFROM (\n{body(window.model)}\n) m\n"
        f"WHERE {where.text}\nORDER BY {order} LIMIT {int(window.limit)}",
        tuple(where.binds),
    )


def declare(window: Window, natives: Sequence[Native]) -> Statement:
    """Begin to read: the cursor keeps the snapshot of this moment to its end."""
    statement = read(window, natives)
    return Statement(f"DECLARE hightide NO SCROLL CURSOR FOR\n{statement.sql}", statement.binds)


def fetch(count: int) -> Statement:
    """Ask for the next rows of what was declared; none are left when none come."""
    return Statement(f"FETCH FORWARD {int(count)} FROM hightide")


def survey(window: Window, natives: Sequence[Native]) -> Statement:
    """Count the window's rows, and the rows of the whole model that no window returns."""
    where = _Where(window.model, natives)
    where.add(window)
    key, watermark = where.key, where.watermark
    no_watermark = "0" if watermark is None else f"count(*) - count({watermark})"
    later = where.later(window)
    return Statement(
        f"SELECT count(*) FILTER (WHERE {where.text}), count(*) - count({key}), {no_watermark}, "
        f"count({key}) - count(DISTINCT {key}), {later}\nFROM (\n{body(window.model)}\n) m",
        tuple(where.binds),
    )


def check_columns(model: Model, natives: Sequence[Native]) -> None:
    """Raise ConfigurationError unless the model can be read in (watermark, key) order."""
    _Where(model, natives)


class _Where:
    """The conditions of a window, and the expressions it is ordered by.

        (changed_at, id COLLATE "C") > ($1::timestamptz, $2::text) AND changed_at < $3::timestamptz

    The same expressions stand in ORDER BY, so what was read last is where the next one starts, and
    an index on (changed_at, id COLLATE "C") serves both.
    """

    def __init__(self, model: Model, natives: Sequence[Native]) -> None:
        self.binds: list[str] = []
        self._key = _key(model, natives)
        self._watermark = None if model.watermark is None else _watermark(model, natives)
        self.key = _ordered(self._key)
        self.watermark = None if self._watermark is None else _ordered(self._watermark)
        self._conditions = [f"{self.key} IS NOT NULL"]

    @property
    def text(self) -> str:
        return " AND ".join(self._conditions)

    def add(self, window: Window) -> None:
        """Add the bounds of a window."""
        after, watermark, native = window.after, self.watermark, self._watermark
        if watermark is None or native is None:
            if after is not None and after.key is not None:
                self._conditions.append(f"{self.key} > {self._bind(self._key, after.key)}")
            return
        self._conditions.append(f"{watermark} IS NOT NULL")
        if after is not None:
            start, exact = self._place(native, after.value)
            if after.key is None or not exact:
                self._conditions.append(f"{watermark} >= {start}")
            else:
                key = self._bind(self._key, after.key)
                self._conditions.append(f"({watermark}, {self.key}) > ({start}, {key})")
        if window.before is not None:
            self._conditions.append(f"{watermark} < {self._place(native, window.before)[0]}")

    def later(self, window: Window) -> str:
        """Return the count of rows at or behind the window's end."""
        if self._watermark is None or window.before is None:
            return "0"
        end = self._place(self._watermark, window.before)[0]
        return f"count(*) FILTER (WHERE {self.watermark} >= {end})"

    def _place(self, native: Native, text: str) -> tuple[str, bool]:
        """Return a bound as SQL, and whether a watermark can lie exactly on it.

            watermark >  08:45:00.123456789    is the same as >= 08:45:00.123457
            watermark <  08:45:00.123456789    is the same as <  08:45:00.123457

        No row lies between two microseconds. The server would round to the nearest one: down, the
        rows there are read again each time; up, with a key to start after, rows are skipped.
        """
        moment = _MOMENT.fullmatch(text)
        if moment is None or native.column.type is ColumnType.DATE:
            return self._bind(native, text), True
        fraction = (moment[2] or "").ljust(9, "0")
        zone = "+00" if native.column.type is ColumnType.TIMESTAMP_TZ else ""
        floor = self._bind(native, f"{moment[1]}.{fraction[:6]}{zone}")
        if fraction[6:] == "000":
            return floor, True
        return f"{floor} + interval '1 microsecond'", False

    def _bind(self, native: Native, text: str) -> str:
        self.binds.append(text)
        return f"${len(self.binds)}::{native.form.bound}"


def _key(model: Model, natives: Sequence[Native]) -> Native:
    key = _named(model, natives, model.primary_key)
    if not key.form.bound:
        raise ConfigurationError(
            f"model {model.name}: the key {key.column.name} must be text, a number, a uuid or a "
            f"time, it is {key.column.type.value}; cast it in the SQL ({key.column.name}::text)",
            kind="key_type",
        )
    return key


def _watermark(model: Model, natives: Sequence[Native]) -> Native:
    native = _named(model, natives, model.watermark or "")
    column = native.column
    if column.type in _WATERMARK_TYPES:
        return native
    if column.type is ColumnType.DECIMAL and column.scale == 0:
        return native
    raise wrong_watermark(model.name, column.name, column.type.value)


def _named(model: Model, natives: Sequence[Native], name: str) -> Native:
    check_identifier(name)
    for native in natives:
        if native.column.name == name:
            return native
    raise unknown_column(model.name, name, (native.column.name for native in natives))


def _value(native: Native) -> str:
    return native.form.value.format(f"m.{quoted(native.column.name)}")


def _ordered(native: Native) -> str:
    # Text by its bytes: the database's own order may hold `a` and `A` for the same, or may change
    # with the next version of its locale.
    if native.form.bound == "text":
        return f'{_value(native)} COLLATE "C"'
    return f"m.{quoted(native.column.name)}"
