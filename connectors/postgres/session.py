"""A login at PostgreSQL: one connection, in one thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import psycopg

from connectors.errors import RetryableError
from connectors.postgres.failures import translate
from connectors.postgres.query import Statement, session

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

# Longer than the server's own statement_timeout (15 minutes): only a server that hangs reaches it.
ANSWER_SECONDS = 960.0


class Session:
    """Runs one call at a time; a call that is given up takes the connection with it."""

    def __init__(self, log_in: Callable[[], Connection], where: str) -> None:
        self._log_in = log_in
        self._where = where
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hightide-postgres")
        self._turn = asyncio.Lock()
        # Held while the connection is closed or broken off: its file number must not be another's.
        self._gate = threading.Lock()
        self._closed = False

    async def run(self, doing: str, call: Callable[[Connection], T]) -> T:
        """Return what `call` returns, in the thread; it logs in when there is no connection.

        Raises RetryableError or ConfigurationError; after any error the connection is a new one.
        """
        async with self._turn:
            if self._closed:
                raise RetryableError(
                    f"{self._where} was logged out of while {doing}", kind="postgres_unavailable"
                )
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await loop.run_in_executor(self._thread, self._guarded, doing, call)
            except TimeoutError:
                self._break_off()
                raise RetryableError(
                    f"{self._where} hung while {doing}", kind="postgres_unavailable"
                ) from None
            except asyncio.CancelledError:
                self._break_off()
                raise

    async def close(self) -> None:
        """Log out; a call that still runs is broken off."""
        if self._closed:
            return
        self._closed = True
        if self._turn.locked():
            self._break_off()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)
        self._thread.shutdown(wait=False)

    def _break_off(self) -> None:
        # The thread waits in libpq, which nothing but its socket wakes. The server hears of it at
        # its next look at the line (client_connection_check_interval).
        with self._gate, contextlib.suppress(OSError, psycopg.Error):
            if self._connection is not None:
                with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)

    # --- below: the connection's own thread ----------------------------------------------------

    def _guarded(self, doing: str, call: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._log_in()
            return call(self._connection)
        except Exception as error:  # noqa: BLE001  # translate() raises what it does not know
            self._discard()  # its transaction is void, and it may be the connection that failed
            raise translate(error, doing, self._where) from None

    def _discard(self) -> None:
        with self._gate:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()


def begin(connection: Connection) -> None:
    """Start a transaction of ours, unless one runs."""
    execute(connection, session())


def rows(connection: Connection, statement: Statement) -> list[tuple[Any, ...]]:
    """Return the whole result of a statement."""
    with execute(connection, statement) as cursor:
        return cursor.fetchall()


def execute(connection: Connection, statement: Statement) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement; its cursor holds the whole result."""
    return connection.execute(statement.sql.encode(), statement.binds or None)
