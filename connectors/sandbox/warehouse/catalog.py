"""What stands under a name: a table is itself, a view every table it reads."""

from __future__ import annotations

import duckdb
import sqlglot
from sqlglot import exp

from connectors.sandbox.warehouse.change_tokens import TableName, full_name
from connectors.sandbox.warehouse.errors import missing_object

_PLACE = "upper(database_name) = ? AND upper(schema_name) = ?"
_TABLES = f"SELECT 1 FROM duckdb_tables() WHERE {_PLACE} AND upper(table_name) = ?"
_VIEWS = f"SELECT sql FROM duckdb_views() WHERE {_PLACE} AND upper(view_name) = ?"


def tables_under(cursor: duckdb.DuckDBPyConnection, name: TableName) -> set[TableName]:
    """Every table that gives `name` its rows. Raises StatementError if one is missing."""
    if cursor.execute(_TABLES, name).fetchone():
        return {name}
    view = cursor.execute(_VIEWS, name).fetchone()
    if view is None:
        raise missing_object(".".join(name))
    query = sqlglot.parse_one(view[0], read="duckdb").args["expression"]
    names = {cte.alias.upper() for cte in query.find_all(exp.CTE)}
    below = {
        full_name(table, name[0], name[1])
        for table in query.find_all(exp.Table)
        if table.db or table.name.upper() not in names
    }
    return set().union(*(tables_under(cursor, table) for table in below))
