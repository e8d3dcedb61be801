"""One desk for each Source: makes tables there, and breaks what is between it and the source."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from connectors.ports import Source
from connectors.postgres.source import PostgresSource
from connectors.records import Model
from connectors.snowflake.source import SnowflakeSource
from tests.postgres import PostgresServer
from tests.stand_ins import StandIn
from tests.warehouse_login import log_in, options

Secrets = Callable[[], Mapping[str, object]]
Row = Sequence[str | None]
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a test's own, with the kinds of its columns."""

    desk: Desk
    name: str
    columns: Mapping[str, str]

    def create(self, *rows: Row) -> None:
        """Make the table, with rows."""
        kinds = self.desk.types
        declared = ", ".join(f'"{name}" {kinds[kind]}' for name, kind in self.columns.items())
        self.run(f"CREATE TABLE {{}} ({declared})")
        if rows:
            self.insert(*rows)

    def insert(self, *rows: Row) -> None:
        """Add rows; each value is written as text."""
        selects = [
            "SELECT "
            + ", ".join(
                "NULL" if value is None else self.desk.literal(kind, value)
                for kind, value in zip(self.columns.values(), row, strict=True)
            )
            for row in rows
        ]
        self.run(f"INSERT INTO {{}} {' UNION ALL '.join(selects)}")

    def run(self, *statements: str) -> None:
        """Run statements, with {} for the table."""
        self.desk.run(*(statement.replace("{}", self.name) for statement in statements))

    def double(self, times: int) -> None:
        """Copy all rows, under other keys, so many times over."""
        rest = "".join(f', "{name}"' for name in [*self.columns][1:])
        for number in range(times):
            self.run(f"""INSERT INTO {{}} SELECT "K" || '-{number}'{rest} FROM {{}}""")

    def model(self, **changed: Any) -> Model:
        """The table as a model named people: key K, watermark Z."""
        return replace(Model("people", f"SELECT * FROM {self.name}", "K", "Z"), **changed)


class Desk(ABC):
    """What a test may do at a source's other side. Columns are named as they are quoted."""

    types: Mapping[str, str]
    module: str

    def table(self, columns: Mapping[str, str], *rows: Row) -> Table:
        """Make a table, with rows."""
        table = Table(self, self.new_name(), columns)
        table.create(*rows)
        return table

    def new_name(self) -> str:
        return f"people_{next(_NUMBERS)}"

    def literal(self, kind: str, value: str) -> str:
        """Return a value of a kind as SQL."""
        quoted = value.replace("'", "''")
        return f"CAST('{quoted}' AS {self.types[kind]})"

    @abstractmethod
    def source(self, secrets: Secrets = dict, **changed: object) -> Source:
        """Return a source with some options changed; None takes one away."""

    @abstractmethod
    def run(self, *statements: str) -> None:
        """Run statements, committed, as somebody else."""

    @abstractmethod
    def cut(self) -> None:
        """Break off results that are being read."""

    @abstractmethod
    def heal(self) -> None:
        """End what `cut` began."""

    @property
    @abstractmethod
    def password(self) -> str:
        """The right password."""


class SnowflakeDesk(Desk):
    """The project's own warehouse stand-in, through the real connector."""

    module = "connectors.snowflake.source"
    types: Mapping[str, str] = {
        "text": "VARCHAR",
        "whole": "NUMBER(38,0)",
        "money": "NUMBER(10,2)",
        "float": "FLOAT",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "time": "TIME",
        "ntz": "TIMESTAMP_NTZ(9)",
        "tz": "TIMESTAMP_TZ(9)",
        "json": "VARIANT",
        "binary": "BINARY",
    }

    def __init__(self, warehouse: StandIn) -> None:
        self._warehouse = warehouse

    def new_name(self) -> str:
        return f"PREP.SENSITIVE.{super().new_name().upper()}"

    def literal(self, kind: str, value: str) -> str:
        value = value.replace("\\", "\\\\")  # a backslash begins an escape in Snowflake's texts
        if kind == "json":
            return f"PARSE_JSON('{value}')"
        if kind == "binary":
            return f"TO_BINARY('{value}')"
        return super().literal(kind, value)

    def source(self, secrets: Secrets = dict, **changed: object) -> Source:
        quick = {"retry_max_attempts": 1, "login_timeout": 4, "connect_timeout": 2}
        given = options(self._warehouse, **quick, **changed)
        return SnowflakeSource({k: v for k, v in given.items() if v is not None}, secrets)

    def run(self, *statements: str) -> None:
        with log_in(self._warehouse) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def cut(self) -> None:
        self._warehouse.ask("faults", {"cut_result": 1_000})

    def heal(self) -> None:
        self._warehouse.ask("faults", {"cut_result": 0})

    @property
    def password(self) -> str:
        return str(options(self._warehouse)["password"])


class PostgresDesk(Desk):
    """A real PostgreSQL. Its text has an order of words, which is not the order of bytes."""

    module = "connectors.postgres.source"
    types: Mapping[str, str] = {
        "text": 'text COLLATE "en-x-icu"',
        "whole": "int8",
        "money": "numeric(10, 2)",
        "float": "float8",
        "boolean": "bool",
        "date": "date",
        "time": "time",
        "ntz": "timestamp",
        "tz": "timestamptz",
        "json": "jsonb",
        "binary": "bytea",
    }

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def literal(self, kind: str, value: str) -> str:
        if kind == "text":
            return super().literal(kind, value).replace(' COLLATE "en-x-icu"', "")
        return super().literal(kind, f"\\x{value}" if kind == "binary" else value)

    def source(self, secrets: Secrets = dict, **changed: object) -> Source:
        given = {**self._server.options, **changed}
        return PostgresSource({k: v for k, v in given.items() if v is not None}, secrets)

    def run(self, *statements: str) -> None:
        self._server.run(*statements)

    def cut(self) -> None:
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'hightide'"
        )

    def heal(self) -> None:
        pass

    @property
    def password(self) -> str:
        return str(self._server.options["password"])
