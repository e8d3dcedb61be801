"""The Source port on psycopg 3: questions share a connection, each read has one of its own.

A read is a transaction as long as its window, with rows fetched as they are taken. A question in
between, of another model on the same source, must not run in it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg

from connectors.errors import ConfigurationError, RetryableError
from connectors.postgres import query, tokens
from connectors.postgres.session import Connection, Session, begin, execute, rows
from connectors.postgres.types import Described, Native, TypeFacts, is_built_in, natives
from connectors.records import Column, ColumnType, Model, Page, Survey, Window

T = TypeVar("T")

PAGE_ROWS = 2_000

# What every connection has unless the configuration says otherwise. A server that is gone without
# a word is found out within a minute.
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "hightide",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# What this file is written for. A pooler between us and the server knows no prepared statements.
_OURS: Mapping[str, Any] = {
    "client_encoding": "UTF8",
    "autocommit": False,
    "prepare_threshold": None,
    "cursor_factory": psycopg.RawCursor,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NTZ = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock without a zone
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)

# How a moment that Python can hold is printed; `infinity`, `0044-03-15 BC`, `24:00:00` and the
# year 12026 are not.
_READABLE = re.compile(rb"(\d{4}-\d\d-\d\d)?( ?([01]\d|2[0-3]):\d\d:\d\d[.\d]*([+-][\d:]+)?)?")


class PostgresSource:
    """Reads models from one PostgreSQL database. `options` go to psycopg as they are."""

    def __init__(
        self,
        options: Mapping[str, object],
        secrets: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`secrets` gives further options, asked for at each login: passwords rotate."""
        self._options = options
        self._secrets = secrets
        host, database = options.get("host") or "localhost", options.get("dbname") or "?"
        self._where = f"PostgreSQL database {database} at {host}"
        self._questions = Session(self._log_in, self._where)
        self._reads: set[Session] = set()

    async def clock_ns(self) -> int:
        """Return the server's clock in nanoseconds since 1970; the last three digits are 0."""
        [[microseconds]] = await self._ask("asking for the time", lambda c: rows(c, query.clock()))
        return int(microseconds) * 1_000

    async def change_token(self, objects: Sequence[str]) -> str:
        """Return what the server has counted of all objects as one opaque text.

        A backend hands its counts in up to ten seconds after its commit (a minute when the server
        is very busy), so the token moves that much later than the rows can be read: it says
        "unchanged" for good only once it is older than that. Functions that a view calls are not
        looked into. Raises ConfigurationError for what PostgreSQL does not count.
        """

        def ask(connection: Connection) -> str:
            server = rows(connection, tokens.server())
            tokens.check_server(server)
            seen = [*server]
            for name in objects:
                found = rows(connection, tokens.counters(name))
                tokens.check_object(name, found)
                seen += found
            return tokens.token(seen)

        return await self._ask("asking whether the model changed", ask)

    async def describe(self, model: Model) -> tuple[Column, ...]:
        """Return the model's columns.

        Raises ConfigurationError for a type we have no form for, and when key or watermark are not
        columns to read by.
        """
        found = await self._ask(f"describing model {model.name}", lambda c: _natives(c, model))
        query.check_columns(model, found)
        return tuple(native.column for native in found)

    async def survey(self, window: Window) -> Survey:
        """Count what the window and the model hold; no row is returned."""

        def count(connection: Connection) -> list[tuple[Any, ...]]:
            found = _same_natives(connection, window)
            return rows(connection, query.survey(window, found))

        [counts] = await self._ask(f"counting model {window.model.name}", count)
        return Survey(*(int(one) for one in counts))

    async def read(self, window: Window) -> AsyncIterator[Page]:
        """Yield the window a page at a time; memory holds a page or two, never the result."""
        doing = f"reading model {window.model.name}"
        number = _watermark_number(window)
        reading = Session(self._log_in, self._where)
        self._reads.add(reading)
        try:
            await reading.run(doing, lambda connection: _open(connection, window))
            while found := await reading.run(doing, lambda c: _fetch(c, window)):
                watermarks = [] if number is None else [number(row) for row in found]
                yield Page(window.columns, found, watermarks)
        finally:
            await reading.close()
            self._reads.discard(reading)

    async def close(self) -> None:
        """Log out everywhere; what still runs is broken off."""
        for session in (self._questions, *self._reads):
            await session.close()

    async def _ask(self, doing: str, call: Callable[[Connection], T]) -> T:
        def in_a_transaction(connection: Connection) -> T:
            begin(connection)
            answer = call(connection)
            connection.commit()
            return answer

        return await self._questions.run(doing, in_a_transaction)

    def _log_in(self) -> Connection:
        given: dict[str, Any] = {**_DEFAULTS, **self._options, **self._secrets(), **_OURS}
        connection = psycopg.connect(**given)
        # Read committed, so that a statement sees what was committed when it began to run. With
        # repeatable read the snapshot is older than the wait for a table's lock: a table that is
        # being rebuilt (TRUNCATE, INSERT, commit) would be read as empty.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        connection.read_only = True
        return connection


def _open(connection: Connection, window: Window) -> None:
    begin(connection)
    execute(connection, query.declare(window, _same_natives(connection, window))).close()


def _fetch(connection: Connection, window: Window) -> list[tuple[Any, ...]]:
    cursor = execute(connection, query.fetch(PAGE_ROWS))
    try:
        return cursor.fetchall()
    except psycopg.DataError as error:
        if error.sqlstate is None and (name := _unreadable(cursor, window)):
            raise ConfigurationError(
                f"model {window.model.name}: column {name} holds a date or time that Hightide "
                "can't carry (infinity, before the year 1, after 9999, 24:00): replace it in the "
                f"SQL, e.g. NULLIF({name}, 'infinity')",
                kind="column_value",
            ) from None
        raise


def _unreadable(cursor: psycopg.Cursor[Any], window: Window) -> str | None:
    """Return the first column with a value that psycopg could not turn into Python's."""
    result = cursor.pgresult
    times = (ColumnType.DATE, ColumnType.TIME, ColumnType.TIMESTAMP_NTZ, ColumnType.TIMESTAMP_TZ)
    for number, column in enumerate(window.columns):
        if result is None or column.type not in times:
            continue
        for row in range(result.ntuples):
            value = result.get_value(row, number)
            if value is not None and _READABLE.fullmatch(value) is None:
                return column.name
    return None


def _natives(connection: Connection, model: Model) -> tuple[Native, ...]:
    with execute(connection, query.describe(model)) as cursor:
        described = [
            Described(c.name, c.type_code, c.precision, c.scale) for c in cursor.description or ()
        ]
    unknown = [column.oid for column in described if not is_built_in(column.oid)]
    facts = rows(connection, query.types(unknown)) if unknown else []
    by_oid = {int(oid): TypeFacts(*texts) for oid, *texts in facts}
    return natives(model.name, described, by_oid)


def _same_natives(connection: Connection, window: Window) -> tuple[Native, ...]:
    """Describe a window's model again: it may have been built anew since, with other columns.

    Its tables are locked against that from here to the end of the transaction.
    """
    found = _natives(connection, window.model)
    if [_shape(native.column) for native in found] != [_shape(c) for c in window.columns]:
        raise RetryableError(
            f"model {window.model.name} changed its columns since it was described",
            kind="columns_changed",
        )
    return found


def _shape(column: Column) -> tuple[str, ColumnType, int]:
    return column.name, column.type, column.scale


def _watermark_number(window: Window) -> Callable[[tuple[Any, ...]], int] | None:
    """Return the function from a row to its watermark as a number; None for a snapshot."""
    for place, column in enumerate(window.columns):
        if column.name == window.model.watermark:
            return _number_at(place, column.type)
    return None


def _number_at(place: int, kind: ColumnType) -> Callable[[tuple[Any, ...]], int]:
    if kind is ColumnType.TIMESTAMP_TZ:
        return lambda row: (row[place] - _EPOCH) // _MICROSECOND * 1_000
    if kind is ColumnType.TIMESTAMP_NTZ:
        return lambda row: (row[place] - _EPOCH_NTZ) // _MICROSECOND * 1_000
    if kind is ColumnType.DATE:
        return lambda row: int(row[place].toordinal()) - _EPOCH_DAY
    return lambda row: int(row[place])
