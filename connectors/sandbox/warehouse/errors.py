"""A statement's failure as Snowflake words it, whatever DuckDB or fakesnow called it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

import duckdb
from snowflake.connector.errors import Error as ConnectorError

log = logging.getLogger(__name__)

_MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")
_MISSING_FUNCTION = re.compile(r"(?:Scalar|Table) Function with name (\S+) does not exist")
_MISSING_COLUMN = re.compile(r'[Cc]olumn (?:named )?"([^"]+)" (?:not found|does not exist)')

# fakesnow's errors begin with their code, which the client puts there again.
_OWN_PREFIX = re.compile(r"^\d{6} \(\w{5}\): ")


@dataclass(eq=False)
class StatementError(Exception):
    """The statement failed: `code` and `sqlstate` are Snowflake's.

    Neither frozen nor slotted: Python itself writes a traceback into a raised error.
    """

    code: str
    sqlstate: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} ({self.sqlstate}): {self.message}"


def canceled() -> StatementError:
    return StatementError("000604", "57014", "SQL execution canceled")


def missing_object(name: str) -> StatementError:
    return StatementError(
        "002003",
        "42S02",
        f"SQL compilation error:\nObject '{name}' does not exist or not authorized.",
    )


def to_statement_error(error: Exception) -> StatementError:
    """What the client is told. A fault of fakesnow becomes 000603, said in full in the log.

    Plain fakesnow answers those with HTTP 500, which the connector retries for minutes.
    """
    if isinstance(error, StatementError):
        return error
    if isinstance(error, duckdb.InterruptException):
        return canceled()
    if isinstance(error, ConnectorError):
        return _from_fakesnow(error)
    log.error("the sandbox could not run a statement", exc_info=error)
    text = f"SQL execution internal error (sandbox): {type(error).__name__}: {error}"
    return StatementError("000603", "XX000", text)


def _from_fakesnow(error: ConnectorError) -> StatementError:
    message = _OWN_PREFIX.sub("", str(error.msg or error))
    if found := _MISSING_TABLE.search(message):
        return missing_object(found[1].rstrip("!").strip('"'))
    if found := _MISSING_FUNCTION.search(message):
        text = f"SQL compilation error:\nUnknown function {found[1].upper()}."
        return StatementError("002140", "42601", text)
    if found := _MISSING_COLUMN.search(message):
        text = f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{found[1]}'"
        return StatementError("000904", "42000", text)
    return StatementError(f"{error.errno or 603:06d}", error.sqlstate or "XX000", message)
