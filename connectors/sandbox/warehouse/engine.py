"""Runs statements on fakesnow's DuckDB, whose databases are files that outlive the process."""

from __future__ import annotations

import contextlib
import re
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from connectors.sandbox.seed.table import DATABASE, SCHEMA, TABLE
from connectors.sandbox.warehouse.catalog import tables_under
from connectors.sandbox.warehouse.change_tokens import (
    ChangeTokens,
    TableName,
    changed_table,
    full_name,
)
from connectors.sandbox.warehouse.clock import Clock
from connectors.sandbox.warehouse.declared_types import DeclaredTypes
from connectors.sandbox.warehouse.errors import StatementError, to_statement_error
from connectors.sandbox.warehouse.fakesnow_cured import (
    DML_TYPE_IDS,
    FakeSnow,
    FakeSnowflakeCursor,
    describe_as_rowtype,
    statement_type_id,
)
from connectors.sandbox.warehouse.results import NewestResults, Result
from connectors.sandbox.warehouse.sessions import Session
from connectors.sandbox.warehouse.statements import (
    in_plain_terms,
    parse_single,
    with_change_tokens,
    with_formatted_times,
)

MODEL_TABLE: TableName = (DATABASE, SCHEMA, TABLE)
_FILE_NAME = re.compile(r"[A-Z][A-Z0-9_$]*\.db")


@dataclass(slots=True)
class Counts:
    """What was asked since the start; `model_rows` are the rows those model queries gave."""

    queries: int = 0
    model_queries: int = 0
    model_rows: int = 0


class Engine:
    """All databases of the warehouse. Statements of different sessions may run at once."""

    def __init__(self, folder: Path) -> None:
        """Open every database an earlier run left in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.snow = FakeSnow(db_path=folder)
        self.snow.results_cache = NewestResults(_rows_of_fakesnow_result)
        self.snow.duck_conn.execute("SET memory_limit = '4GB'")
        # Six times smaller files: 2 million rows are 2 GB of JSON text per build.
        self.snow.duck_conn.execute("SET GLOBAL force_compression = 'zstd'")
        self.snow.duck_conn.execute(f"SET temp_directory = '{folder / 'spill'}'")
        for file in sorted(folder.iterdir()):
            if _FILE_NAME.fullmatch(file.name):
                self.snow.duck_conn.execute(f"ATTACH '{file}' AS \"{file.stem}\"")
        self.tokens = ChangeTokens()
        self.counts = Counts()
        self.clock = Clock()
        self._declared = DeclaredTypes()
        # DuckDB fails the second of two overlapping changes of one table; Snowflake makes it wait.
        self.write_lock = threading.Lock()

    def close(self) -> None:
        """Write everything to the files; nothing may be run afterwards."""
        self.snow.duck_conn.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same databases, for the seeder."""
        return self.snow.duck_conn.cursor()

    def reclaim(self) -> None:
        """Free the file space of replaced tables; left for the next time while others write."""
        with self.cursor() as cursor, contextlib.suppress(duckdb.TransactionException):
            cursor.execute(f"CHECKPOINT {DATABASE}")

    def run(
        self,
        session: Session,
        text: str,
        parameter_rows: list[tuple[Any, ...]],
        *,
        describe_only: bool,
    ) -> Result:
        """Run one statement. Raises StatementError, never anything else."""
        try:
            return self._run(session, text, parameter_rows, describe_only=describe_only)
        except StatementError:
            raise
        except Exception as error:
            raise to_statement_error(error) from error

    def _run(
        self,
        session: Session,
        text: str,
        parameter_rows: list[tuple[Any, ...]],
        *,
        describe_only: bool,
    ) -> Result:
        text = in_plain_terms(text)
        text, tree = self.clock.told(*with_formatted_times(text, parse_single(text)))
        cursor = session.connection.cursor()
        if describe_only and (columns := cursor._describe_only(text)) is not None:  # noqa: SLF001
            # The cursor now holds the description as a table; the client wants none.
            cursor._arrow_table = None  # noqa: SLF001
            return self._result(session, cursor, tree, describe_as_rowtype(columns))
        changed = changed_table(tree, session.connection.database, session.connection.schema)
        with self._lock_for(tree):
            affected = self._execute(session, cursor, text, tree, parameter_rows)
        self._declared.learn(tree)
        self._note_change(session, tree, changed)
        rowtype = describe_as_rowtype(cursor._describe_last_sql())  # noqa: SLF001
        result = self._result(session, cursor, tree, rowtype, affected)
        self._count(tree, result)
        return result

    def _execute(
        self,
        session: Session,
        cursor: FakeSnowflakeCursor,
        text: str,
        tree: exp.Expr,
        parameter_rows: list[tuple[Any, ...]],
    ) -> int | None:
        """Run it once per row of parameters; with several, the rows affected in all."""
        if len(parameter_rows) > 1:
            affected = 0
            for row in parameter_rows:
                cursor.execute(text, binding_params=row, server=True)
                affected += cursor.rowcount or 0
            return affected
        parameters = parameter_rows[0] if parameter_rows else ()
        text, parameters = with_change_tokens(
            text, tree.copy(), parameters, lambda name: self._token(session, name)
        )
        cursor.execute(text, binding_params=parameters or None, server=True)
        return None

    def _lock_for(self, tree: exp.Expr) -> contextlib.AbstractContextManager[object]:
        reads = isinstance(tree, (exp.Query, exp.Show, exp.Describe, exp.Use))
        return contextlib.nullcontext() if reads else self.write_lock

    def _note_change(self, session: Session, tree: exp.Expr, changed: TableName | None) -> None:
        """Move change tokens once the change can be read: at the commit, not before."""
        if isinstance(tree, exp.Transaction):
            session.in_transaction = True
        if isinstance(tree, exp.Rollback):
            session.uncommitted.clear()
        if changed:
            session.uncommitted.add(changed)
        ends = isinstance(tree, (exp.Commit, exp.Rollback))
        automatic = session.connection._autocommit and not session.in_transaction  # noqa: SLF001
        if ends or automatic:
            session.in_transaction = False
            self.tokens.move(session.uncommitted)
            session.uncommitted.clear()

    def _result(
        self,
        session: Session,
        cursor: FakeSnowflakeCursor,
        tree: exp.Expr,
        rowtype: list[Any],
        affected: int | None = None,
    ) -> Result:
        kind: int = statement_type_id(tree)
        table = cursor._arrow_table  # noqa: SLF001 (its public fetches would copy into Python rows)
        rowtype, table = self._declared.restore(rowtype, table)
        counts = None
        if kind in DML_TYPE_IDS and table is not None:
            counts = [
                [None if v is None else str(v) for v in row.values()] for row in table.to_pylist()
            ]
            counts = counts if affected is None else [[str(affected)]]
            table = None
        return Result(
            query_id=cursor.sfqid or str(uuid.uuid4()),
            statement_type=kind,
            rowtype=rowtype,
            table=table,
            counts=counts,
            database=session.connection.database,
            schema=session.connection.schema,
        )

    def _count(self, tree: exp.Expr, result: Result) -> None:
        if isinstance(tree, exp.Query) and any(
            full_name(table, result.database, result.schema) == MODEL_TABLE
            for table in tree.find_all(exp.Table)
        ):
            self.counts.model_queries += 1
            self.counts.model_rows += result.row_count

    def _token(self, session: Session, name: str) -> int:
        table = sqlglot.to_table(name, dialect="snowflake")
        wanted = full_name(table, session.connection.database, session.connection.schema)
        with self.cursor() as cursor:
            return self.tokens.newest(tables_under(cursor, wanted))


def _rows_of_fakesnow_result(result: tuple[Any, ...]) -> int:
    return int(result[0].num_rows) if result[0] is not None else 0
