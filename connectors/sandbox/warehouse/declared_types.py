"""Types that DuckDB has no name for: which columns were declared ARRAY, OBJECT or TIMESTAMP_LTZ.

DuckDB keeps an ARRAY as JSON and an LTZ as a time with zone, and fakesnow reports VARIANT and TZ.
A client that chooses by type must see the declared one, so it is remembered by column name.
"""

from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa
from sqlglot import exp

_DECLARED = {
    exp.DataType.Type.ARRAY: "array",
    exp.DataType.Type.LIST: "array",
    exp.DataType.Type.OBJECT: "object",
    exp.DataType.Type.STRUCT: "object",
    exp.DataType.Type.TIMESTAMPLTZ: "timestamp_ltz",
}
# What fakesnow reports -> what may stand behind it.
_BEHIND = {"variant": {"array", "object"}, "timestamp_tz": {"timestamp_ltz"}}
# The seeded table is not made by a statement one could read it from.
_SEEDED = {"NAMESPACES_ARRAY": "array", "LAST_CHANGED": "timestamp_ltz"}


class DeclaredTypes:
    """Column name -> declared type; the newest declaration of a name counts for all tables."""

    def __init__(self) -> None:
        self._types = dict(_SEEDED)
        self._lock = threading.Lock()

    def learn(self, statement: exp.Expr) -> None:
        """Remember the columns a CREATE TABLE declares."""
        if not isinstance(statement, exp.Create):
            return
        with self._lock:
            for column in statement.find_all(exp.ColumnDef):
                kind = column.args.get("kind")
                name = column.name.upper()
                self._types.pop(name, None)
                if isinstance(kind, exp.DataType) and kind.this in _DECLARED:
                    self._types[name] = _DECLARED[kind.this]

    def restore(
        self, rowtype: list[dict[str, Any]], table: pa.Table | None
    ) -> tuple[list[dict[str, Any]], pa.Table | None]:
        """The result with the declared types; an LTZ column carries no zone of its own."""
        restored = []
        for position, column in enumerate(rowtype):
            declared = self._types.get(column["name"].upper(), "")
            if declared not in _BEHIND.get(column["type"], ()):
                restored.append(column)
                continue
            restored.append({**column, "type": declared})
            if declared == "timestamp_ltz" and table is not None:
                instants = table.column(position).cast(pa.timestamp("us"))
                table = table.set_column(position, column["name"], instants)
        return restored, table
