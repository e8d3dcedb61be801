"""The way into Snowflake: options, secrets and our own defaults, and when to log in anew.

    changed file or secret -> `stale()` -> the next statement runs in a session of a new login

Every login the connector knows passes through: key pair, tokens, OAuth, workload identity, profiles
of a connections.toml. What proves who we are is read at each login, never kept.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

# At each login the connector asks the cloud's metadata server what machine this is, for its
# telemetry; a pod that may not reach it waits seconds. The connector reads this when it logs in.
os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")

import snowflake.connector  # after the line above
from snowflake.connector.constants import CONNECTIONS_FILE

from connectors.errors import ConfigurationError
from connectors.snowflake.failures import refused_login

# What every connection has unless the configuration says otherwise.
_DEFAULTS: Mapping[str, object] = {
    "application": "Hightide",
    "paramstyle": "qmark",
    "login_timeout": 30,
    "query_timeout": 900,
    "request_timeout": 60,
    "connect_timeout": 10,
    "retry_max_attempts": 3,
    "client_prefetch_threads": 2,
    "client_memory_limit": 64,
    "force_microsecond_precision": True,
    "enable_server_session_keep_alive_auto_detection": False,
}
_SESSION: Mapping[str, object] = {
    "TIMEZONE": "UTC",
    "QUERY_TAG": "hightide",
    # An account may cut every result at so many rows; that would look like the end of the model.
    "ROWS_PER_RESULTSET": 0,
    "STATEMENT_TIMEOUT_IN_SECONDS": 900,
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": 300,
}
# Options that the connector has beside session_parameters, for one of them.
_SHORTCUTS = ("timezone", "query_tag")
_PROOF_FILES = ("private_key_file", "token_file_path")


class Login:
    """Opens sessions of one account. `options` go to the connector as they are.

    `secrets` gives further options, asked for at each login and at each look for a change.
    """

    def __init__(
        self, options: Mapping[str, object], secrets: Callable[[], Mapping[str, object]]
    ) -> None:
        self.account = str(options.get("account") or options.get("connection_name") or "?")
        self._options = options
        self._secrets = secrets
        self._used: bytes | None = None

    def connect(self) -> Any:
        """Return a new session.

        Raises ConfigurationError when it takes a person to make the login work, and the
        connector's own error when nobody answered.
        """
        given = self._given()
        # Noted first: what changes while we log in is seen at the next look.
        self._used = _state(given)
        options = {**_DEFAULTS, **given, "session_parameters": _session(given)}
        try:
            return snowflake.connector.connect(**options)
        except snowflake.connector.Error as error:
            if refusal := refused_login(error, self.account):
                raise refusal from None
            raise

    def stale(self) -> bool:
        """Say whether a key, token or profile is another one than at the last login.

        While one can't be read, because it is being replaced, nothing has changed yet.
        """
        try:
            now = _state(self._given())
        except ConfigurationError:
            return False
        return now is not None and now != self._used

    def _given(self) -> dict[str, object]:
        # The connector takes its options in any case: `PRIVATE_KEY_FILE` is one too.
        return {name.lower(): v for name, v in {**self._options, **self._secrets()}.items()}


def _session(given: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a session; ConfigurationError when they would change our times."""
    parameters = given.get("session_parameters")
    theirs = dict(parameters) if isinstance(parameters, Mapping) else {}
    theirs |= {name: given[name] for name in _SHORTCUTS if name in given}
    session = {**_SESSION, **{str(name).upper(): value for name, value in theirs.items()}}
    if str(session["TIMEZONE"]).upper() != "UTC":
        raise ConfigurationError(
            "the TIMEZONE of a Snowflake session is UTC, always: a TIMESTAMP_NTZ would be another "
            "moment in any other; remove it from the connection under sources",
            kind="snowflake_login",
        )
    return session


def _state(given: Mapping[str, object]) -> bytes | None:
    """Return a digest of options, secrets and the files they point to; None while one is away."""
    digest = sha256(repr(sorted(given.items())).encode())
    try:
        for path in _files(given):
            content = path.read_bytes()
            if not content:  # between the opening and the writing
                return None
            digest.update(sha256(content).digest())
    except (OSError, ValueError):  # TOML that is none, or half of it, is a ValueError
        return None
    return digest.digest()


def _files(given: Mapping[str, object]) -> Iterator[Path]:
    profile: object = None
    if name := given.get("connection_name"):
        path = Path(str(given.get("connections_file_path") or CONNECTIONS_FILE))
        yield path
        profile = tomllib.loads(path.read_text(encoding="utf-8")).get(str(name))
    options = {**profile, **given} if isinstance(profile, Mapping) else given
    for option in _PROOF_FILES:
        if proof := options.get(option):
            yield Path(str(proof))
