"""The Source port on the Snowflake connector: one connection, in one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Column, ColumnType, Model, Page, Survey, Window
from connectors.snowflake import query
from connectors.snowflake.failures import translate
from connectors.snowflake.login import Login

T = TypeVar("T")

PAGE_ROWS = 2_000

# https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api (type codes)
_TYPES: Mapping[int, ColumnType] = {
    0: ColumnType.DECIMAL,
    1: ColumnType.FLOAT,
    2: ColumnType.TEXT,
    3: ColumnType.DATE,
    5: ColumnType.JSON,
    6: ColumnType.TIMESTAMP_TZ,
    7: ColumnType.TIMESTAMP_TZ,
    8: ColumnType.TIMESTAMP_NTZ,
    9: ColumnType.JSON,
    10: ColumnType.JSON,
    11: ColumnType.BINARY,
    12: ColumnType.TIME,
    13: ColumnType.BOOLEAN,
}


class SnowflakeSource:
    """Reads models from one Snowflake account. `options` go to the connector as they are."""

    def __init__(
        self,
        options: Mapping[str, object],
        secrets: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`secrets` gives further options, asked for before each statement: they rotate.

        Once one of them, or a file that an option names, has changed, the next statement runs in a
        session of a new login.
        """
        self._login = Login(options, secrets)
        self._connection: Any = None
        self._closed = False
        self._reading: list[Any] = []  # the connection of each result that is being read
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hightide-snowflake")

    async def clock_ns(self) -> int:
        """Return Snowflake's clock in nanoseconds since 1970."""
        rows = await self._run("asking for the time", lambda: self._rows(query.clock()))
        return int(rows[0][0])

    async def change_token(self, objects: Sequence[str]) -> str:
        """Return the tokens of all objects as one opaque text."""
        statements = [query.change_token(name) for name in objects]

        def ask() -> str:
            return "|".join(str(self._rows(statement)[0][0]) for statement in statements)

        return await self._run(f"asking for the change token of {', '.join(objects)}", ask)

    async def describe(self, model: Model) -> tuple[Column, ...]:
        """Return the model's columns.

        Raises ConfigurationError for a type we have no form for, and when key or watermark are not
        columns to read by.
        """

        def ask() -> tuple[Column, ...]:
            statement = query.describe(model)
            with contextlib.closing(self._connect().cursor()) as cursor:
                columns = tuple(_column(model, d) for d in cursor.describe(statement.sql))
            query.check_columns(model, columns)
            return columns

        return await self._run(f"describing model {model.name}", ask)

    async def survey(self, window: Window) -> Survey:
        """Count what the window and the model hold; no row is returned."""
        statement = query.survey(window)
        doing = f"counting model {window.model.name}"
        [counts] = await self._run(doing, lambda: self._rows(statement))
        return Survey(*(int(count or 0) for count in counts))

    async def read(self, window: Window) -> AsyncIterator[Page]:
        """Yield the window a page at a time; memory holds a few pages, never the result."""
        statement = query.read(window)
        doing = f"reading model {window.model.name}"
        try:
            cursor = await self._run(doing, lambda: self._begin(statement))
        except ConfigurationError:
            # Refused for a column that a build took away since it was described?
            if await self.describe(window.model) != window.columns:
                raise _columns_changed(window) from None
            raise
        width = len(window.columns)
        try:
            # The table may have been built anew since it was described, with other columns.
            found = [_column(window.model, d) for d in cursor.description[:width]]
            if [_shape(c) for c in found] != [_shape(c) for c in window.columns]:
                raise _columns_changed(window)
            while rows := await self._run(doing, lambda: cursor.fetchmany(PAGE_ROWS)):
                if window.model.watermark is None:
                    yield Page(window.columns, rows, ())
                    continue
                watermarks = [int(row[-1]) for row in rows]
                yield Page(window.columns, [row[:-1] for row in rows], watermarks)
        finally:
            with contextlib.suppress(Exception):
                await self._run("closing a result", lambda: self._end(cursor))

    async def close(self) -> None:
        """End the session; a second call changes nothing."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._discard_all)
            self._thread.shutdown(wait=False)

    # --- below: the connection's own thread ----------------------------------------------------

    async def _run(self, doing: str, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guarded, doing, call)

    def _guarded(self, doing: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  # translate() raises what it does not know
            ours = translate(error, doing, self._login.account)
            if not isinstance(ours, ConfigurationError):
                self._discard()  # a session in doubt is not used again
            raise ours from None

    def _connect(self) -> Any:
        if self._connection is not None and self._login.stale():
            self._retire()
        if self._connection is None:
            self._connection = self._login.connect()
        return self._connection

    def _begin(self, statement: query.Statement) -> Any:
        cursor = self._execute(statement)
        self._reading.append(cursor.connection)
        return cursor

    def _end(self, cursor: Any) -> None:
        connection = cursor.connection
        with contextlib.suppress(Exception):
            cursor.close()
        self._reading.remove(connection)
        if connection is not self._connection and connection not in self._reading:
            _close(connection)

    def _retire(self) -> None:
        # A model that is being read goes on in the old session; its end closes that one.
        connection, self._connection = self._connection, None
        if connection not in self._reading:
            _close(connection)

    def _execute(self, statement: query.Statement) -> Any:
        cursor = self._connect().cursor()
        cursor.execute(statement.sql, statement.binds or None)
        return cursor

    def _rows(self, statement: query.Statement) -> list[tuple[Any, ...]]:
        with contextlib.closing(self._execute(statement)) as cursor:
            return list(cursor.fetchall())

    def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection)

    def _discard_all(self) -> None:
        self._discard()
        for connection in self._reading:
            _close(connection)


def _close(connection: Any) -> None:
    with contextlib.suppress(Exception):
        connection.close()


def _columns_changed(window: Window) -> RetryableError:
    return RetryableError(
        f"model {window.model.name} changed its columns while it was read", kind="columns_changed"
    )


def _shape(column: Column) -> tuple[str, ColumnType, int]:
    """Return how a column looks in a result: a time is read as a number."""
    if column.type in query.TIMES:
        return column.name, ColumnType.DECIMAL, 0
    return column.name, column.type, column.scale


def _column(model: Model, description: Any) -> Column:
    column_type = _TYPES.get(description.type_code)
    if column_type is None:
        raise ConfigurationError(
            f"model {model.name}: column {description.name} has a type Hightide can't carry "
            f"(code {description.type_code}); cast it to VARCHAR or leave it out",
            kind="column_type",
        )
    if column_type is not ColumnType.DECIMAL:
        return Column(description.name, column_type)
    return Column(description.name, column_type, int(description.precision), int(description.scale))
