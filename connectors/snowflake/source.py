"""The Source port on the Snowflake connector: one connection, in one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

# At each login the connector asks the cloud's metadata server what machine this is, for its
# telemetry; a pod that may not reach it waits seconds. The connector reads this when it logs in.
os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")

import snowflake.connector  # after the line above

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Column, ColumnType, Model, Page, Window
from connectors.snowflake import query
from connectors.snowflake.failures import translate

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

# What every connection has unless the configuration says otherwise.
_DEFAULTS: Mapping[str, object] = {
    "application": "Hightide",
    "paramstyle": "qmark",
    "login_timeout": 30,
    "query_timeout": 900,
    "request_timeout": 60,
    "connect_timeout": 10,
    "retry_max_attempts": 3,
    "client_prefetch_threads": 2,
    "client_memory_limit": 64,
    "force_microsecond_precision": True,
    "enable_server_session_keep_alive_auto_detection": False,
}
_SESSION: Mapping[str, object] = {
    "TIMEZONE": "UTC",
    "QUERY_TAG": "hightide",
    "STATEMENT_TIMEOUT_IN_SECONDS": 900,
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": 300,
}


class SnowflakeSource:
    """Reads models from one Snowflake account. `options` go to the connector as they are."""

    def __init__(
        self,
        options: Mapping[str, object],
        secrets: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`secrets` gives further options, asked for at each login: keys and passwords rotate."""
        self._options = options
        self._secrets = secrets
        self._account = str(options.get("account") or options.get("connection_name") or "?")
        self._connection: Any = None
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

        return await self._run("asking whether the model changed", ask)

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

    async def missing_values(self, model: Model) -> tuple[int, int]:
        """Return how many rows have no key, and how many have no watermark."""
        statement = query.missing_values(model)
        doing = f"counting model {model.name}"
        [(keys, watermarks)] = await self._run(doing, lambda: self._rows(statement))
        return int(keys), int(watermarks)

    async def read(self, window: Window) -> AsyncIterator[Page]:
        """Yield the window a page at a time; memory holds a few pages, never the result."""
        statement = query.read(window)
        doing = f"reading model {window.model.name}"
        cursor = await self._run(doing, lambda: self._execute(statement))
        try:
            # The table may have been built anew since it was described, with other columns.
            found = [_column(window.model, d) for d in cursor.description[:-1]]
            if [_shape(c) for c in found] != [_shape(c) for c in window.columns]:
                raise RetryableError(
                    f"model {window.model.name} changed its columns while it was read",
                    kind="columns_changed",
                )
            while rows := await self._run(doing, lambda: cursor.fetchmany(PAGE_ROWS)):
                watermarks = [int(row[-1]) for row in rows]
                yield Page(window.columns, [row[:-1] for row in rows], watermarks)
        finally:
            with contextlib.suppress(Exception):
                await self._run("closing a result", cursor.close)

    async def close(self) -> None:
        """End the session."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)
        self._thread.shutdown(wait=False)

    # --- below: the connection's own thread ----------------------------------------------------

    async def _run(self, doing: str, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guarded, doing, call)

    def _guarded(self, doing: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  # translate() raises what it does not know
            ours = translate(error, doing, self._account)
            if not isinstance(ours, ConfigurationError):
                self._discard()  # a session in doubt is not used again
            raise ours from None

    def _connect(self) -> Any:
        if self._connection is None:
            given = {**self._options, **self._secrets()}
            session = {**_SESSION, **_mapping(given.pop("session_parameters", None))}
            self._connection = snowflake.connector.connect(
                **{**_DEFAULTS, **given, "session_parameters": session}
            )
        return self._connection

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
            with contextlib.suppress(Exception):
                connection.close()


def _shape(column: Column) -> tuple[str, ColumnType, int]:
    return column.name, column.type, column.scale


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


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
