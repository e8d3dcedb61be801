"""Snowflake's errors in our own words. Its texts stay out: they quote values of rows."""

from __future__ import annotations

from snowflake.connector import errors as se

from connectors.errors import ConfigurationError, ConnectorError, RetryableError

# Numbers that stand for a credential, a role or a policy, whatever class carries them.
_LOGIN_REFUSED = frozenset({390100, 390101, 390103, 390144, 390186, 390189, 390318, 394500, 394507})
_SESSION_GONE = frozenset({390112, 390114, 250002})


def translate(error: Exception, doing: str, account: str) -> ConnectorError:
    """Return `error` as one of ours; raise it as it is when nobody has classified it."""
    if isinstance(error, ConnectorError):
        return error
    number = int(getattr(error, "errno", 0) or 0)
    query = getattr(error, "sfqid", None)
    where = f"error {number}" + (f", query {query}" if query else "")
    if number in _LOGIN_REFUSED:
        return ConfigurationError(
            f"Snowflake account {account} refused the login ({where}): check user, role and key "
            "under sources",
            kind="snowflake_login",
        )
    if number in _SESSION_GONE or isinstance(error, se.ReauthenticationRequest):
        return RetryableError(f"the Snowflake session ended ({where})", kind="snowflake_session")
    if isinstance(error, se.ProgrammingError):
        return ConfigurationError(
            f"Snowflake refused the statement for {doing} ({where}): check that the SQL runs, that "
            "its objects exist and that the role may read them",
            kind="snowflake_statement",
        )
    if isinstance(error, (se.Error, OSError, TimeoutError)):
        return RetryableError(
            f"Snowflake account {account} did not answer while {doing} ({where})",
            kind="snowflake_unavailable",
        )
    raise error
