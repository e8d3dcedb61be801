"""PostgreSQL's errors in our own words. Its texts stay out: they quote values of rows."""

from __future__ import annotations

import re

import psycopg

from connectors.errors import ConfigurationError, ConnectorError, RetryableError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: classes in which the same call
# may work later. 08 connection, 25 transaction ended (idle too long), 40 conflict with others,
# 53 resources, 55 object in use, 57 operator's intervention (shutdown, start, timeout, cancel),
# 58 system, XX internal (a table that was dropped in between is found out so).
_RETRYABLE = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
_READ_ONLY = "25006"
_LOGIN = frozenset({"28", "3D"})

# A login that fails carries no SQLSTATE through libpq, only text. What is not recognised, in a
# server's other language above all, is tried again.
_REFUSED = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|does not exist|permission denied"
    r"|not permitted to log in|not currently accepting connections|certificate"
    r"|does not support SSL|unrecognized configuration parameter|invalid .*(value|option)"
    r"|requires? .*authentication"
)


def translate(error: Exception, doing: str, where: str) -> ConnectorError:
    """Return `error` as one of ours; raise it as it is when nobody has classified it."""
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return _without_state(error, doing, where)
        return _by_state(error.sqlstate, doing, where)
    if isinstance(error, OSError):
        return _unavailable(doing, where, None)
    if isinstance(error, UnicodeDecodeError):
        return ConfigurationError(
            f"{where} sent text that is not UTF-8 while {doing}: its database has no encoding "
            "(SQL_ASCII); leave the column out",
            kind="postgres_encoding",
        )
    raise error


def _by_state(state: str, doing: str, where: str) -> ConnectorError:
    if state[:2] in _LOGIN:
        return _refused(where, f" (SQLSTATE {state})")
    if state[:2] in _RETRYABLE and state != _READ_ONLY:
        return _unavailable(doing, where, state)
    return ConfigurationError(
        f"{where} refused the statement for {doing} (SQLSTATE {state}): check that the SQL runs, "
        "that its objects exist and that the user may read them",
        kind="postgres_statement",
    )


def _without_state(error: psycopg.Error, doing: str, where: str) -> ConnectorError:
    if isinstance(error, psycopg.ProgrammingError):
        return ConfigurationError(
            f"{where} can't be connected to: an option under `connection` is not one of "
            "PostgreSQL's (host, port, dbname, user, password, sslmode, …)",
            kind="postgres_option",
        )
    # "connection to server at "db", port 5432 failed: FATAL:  …": only what follows the first colon
    # after `failed` is the reason; a host may have any name.
    _, _, reason = str(error).partition("failed:")
    if isinstance(error, psycopg.OperationalError) and _REFUSED.search(reason or str(error)):
        return _refused(where, "")
    return _unavailable(doing, where, None)


def _refused(where: str, state: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} refused the login{state}: check user, password, dbname and the TLS options under "
        "sources",
        kind="postgres_login",
    )


def _unavailable(doing: str, where: str, state: str | None) -> RetryableError:
    told = f" (SQLSTATE {state})" if state else ""
    return RetryableError(
        f"{where} did not answer while {doing}{told}",
        kind="postgres_unavailable",
    )
