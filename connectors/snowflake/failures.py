"""Snowflake's errors in our own words. Its texts stay out: they quote values of rows.

A login fails in three ways. Snowflake says no: 390xxx, 394xxx. The connector finds, before it asks,
that an option or a key is no good. Nobody answers. The last two share error 250001: what tells them
apart is how the connector's sentence begins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from snowflake.connector import errors as se

from connectors.errors import ConfigurationError, ConnectorError, RetryableError

# Numbers that stand for a credential, a role or a policy, whatever class carries them.
_LOGIN_REFUSED = frozenset({390100, 390101, 390103, 390144, 390186, 390189, 390318, 394500, 394507})
_SESSION_GONE = frozenset({390112, 390114, 250002})
# Cancelled: by a person, a resource monitor, or a statement timeout.
_BROKEN_OFF = frozenset({604, 630})
_SAYS_NO = range(390_000, 400_000)

_STATUS = "Invalid Snowflake response. Snowflake responded with error status"
_NO_SUCH_ACCOUNT = "nothing at this address knows the account: check account and host"

# How the sentence of connector 5.2 begins, and what a person has to look at.
_BEFORE_IT_ASKED: Mapping[str, str] = {
    "Authentication failed": "private_key_file must be a private key in PEM, and "
    "private_key_password its passphrase if it is encrypted",
    "OAuth flow failed: Identity Provider responded with error": "the token endpoint refused: "
    "check oauth_client_id, oauth_client_secret, oauth_scope and oauth_token_request_url",
    "Workload Identity Federation attestation failed": "there is no workload identity to show: "
    "check workload_identity_provider, its token, the host, and that the process runs where that "
    "provider knows it",
    "Configuration error: Insecure file permissions": "the connections file can be written by "
    "others: take that right away",
    "Configuration error: Failed to": "the connections file can't be read: check "
    "connections_file_path, its rights and its TOML",
    f"{_STATUS}: 403": _NO_SUCH_ACCOUNT,
    f"{_STATUS}: 404": _NO_SUCH_ACCOUNT,
}


def translate(error: Exception, doing: str, account: str) -> ConnectorError:
    """Return `error` as one of ours; raise it as it is when nobody has classified it."""
    if isinstance(error, ConnectorError):
        return error
    number = _number(error)
    query = getattr(error, "sfqid", None)
    where = f"error {number}" + (f", query {query}" if query else "")
    if number in _LOGIN_REFUSED:
        return _said_no(account, where)
    if number in _SESSION_GONE or isinstance(error, se.ReauthenticationRequest):
        return RetryableError(f"the Snowflake session ended ({where})", kind="snowflake_session")
    if number in _BROKEN_OFF:
        return RetryableError(
            f"Snowflake broke the statement off while {doing} ({where}): if that goes on, raise "
            "STATEMENT_TIMEOUT_IN_SECONDS, or take a larger warehouse",
            kind="snowflake_timeout",
        )
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


def refused_login(error: Exception, account: str) -> ConfigurationError | None:
    """Return why a login failed when a person has to act; None when it may work later."""
    number = _number(error)
    if number in _SAYS_NO:
        return None if number in _SESSION_GONE else _said_no(account, f"error {number}")
    text = str(getattr(error, "raw_msg", "")).removeprefix("Failed to login: ")
    for begins, sentence in _BEFORE_IT_ASKED.items():
        if text.startswith(begins):
            return _not_tried(account, number, sentence)
    if isinstance(error, se.ProgrammingError):
        return _not_tried(account, number, f"check {_option(error)} under sources")
    return None


def _number(error: Exception) -> int:
    return int(getattr(error, "errno", 0) or 0)


def _option(error: se.ProgrammingError) -> str:
    # A name of an option may be repeated. `connection: NAME` is a profile that is not there.
    name = str(error.parameter or "")
    if name.startswith("connection: "):
        return "connection_name and connections_file_path"
    return name if re.fullmatch(r"[a-z_]+", name) else "the options of the connection"


def _said_no(account: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"Snowflake account {account} refused the login ({where}): check user, role and key (or "
        "token) under sources",
        kind="snowflake_login",
    )


def _not_tried(account: str, number: int, sentence: str) -> ConfigurationError:
    return ConfigurationError(
        f"no login to Snowflake account {account} (error {number}): {sentence}",
        kind="snowflake_login",
    )
