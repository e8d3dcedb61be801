"""When each table last changed: what `SYSTEM$LAST_CHANGE_COMMIT_TIME` answers.

A token moves only after the change can be read. A poller that reads the token first and the rows
second may then query once too often, but never misses a change.
A table nobody touched since the start answers the time of the start, so a token from before a
restart always differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from sqlglot import exp

TableName = tuple[str, str, str]
FUNCTION = "SYSTEM$LAST_CHANGE_COMMIT_TIME"

_CHANGING = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable, exp.Copy)
_DEFINING = (exp.Create, exp.Drop, exp.Alter)


class ChangeTokens:
    """One token per table: nanoseconds, opaque to the reader. Safe to use from several threads."""

    def __init__(self) -> None:
        self._last = time.time_ns()
        self._start = self._last
        self._tokens: dict[TableName, int] = {}
        self._lock = threading.Lock()

    def move(self, tables: Iterable[TableName]) -> None:
        """Give each table a token that no table had before."""
        with self._lock:
            for table in tables:
                self._last = max(self._last + 1, time.time_ns())
                self._tokens[table] = self._last

    def newest(self, tables: Iterable[TableName]) -> int:
        """The token of a view is the newest of the tables under it."""
        with self._lock:
            return max((self._tokens.get(table, self._start) for table in tables), default=0)


def changed_table(
    statement: exp.Expr, database: str | None, schema: str | None
) -> TableName | None:
    """The table whose rows the statement changes or replaces, None when it changes none."""
    if not isinstance(statement, (*_CHANGING, *_DEFINING)):
        return None
    table = statement.find(exp.Table)
    return None if table is None else full_name(table, database, schema)


def full_name(table: exp.Table, database: str | None, schema: str | None) -> TableName:
    """The table's three names in upper case, missing ones from the session."""
    return (
        (table.catalog or database or "").upper(),
        (table.db or schema or "").upper(),
        table.name.upper(),
    )
