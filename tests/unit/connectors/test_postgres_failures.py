"""PostgreSQL's errors in our words: what must be done about each, and none of its text."""

from __future__ import annotations

import psycopg
import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.postgres.failures import translate

RETRYABLE = "08006 25P03 40001 40P01 53300 55P03 57014 57P01 57P03 58030 XX000"
CONFIGURATION = "0A000 22012 22P02 25006 28P01 3D000 3F000 42501 42601 42703 42P01 54001 P0001"
# How libpq and servers say what happened at a login, which carries no state.
REFUSED = (
    'connection to server at "db", port 5432 failed: FATAL:  password authentication failed for x',
    'connection to server at "db", port 5432 failed: fe_sendauth: no password supplied',
    'failed: FATAL:  no pg_hba.conf entry for host "::1", user "x", database "y", no encryption',
    'failed: FATAL:  database "y" does not exist',
    "failed: server does not support SSL, but SSL was required",
    'failed: root certificate file "/ca.pem" does not exist',
    "failed: SSL error: certificate verify failed",
    'connection is bad: invalid sslmode value: "yes"',
)
AWAY = (
    'connection to server at "db", port 5432 failed: Connection refused',
    'connection to server at "permission denied", port 5432 failed: Connection refused',
    "failed to resolve host 'invalid.example': [Errno -2] Name or service not known",
    "failed: FATAL:  the database system is starting up",
    "failed: FATAL:  sorry, too many clients already",
    "failed: FATAL:  Passwort-Authentifizierung fehlgeschlagen",
    "consuming input failed: server closed the connection unexpectedly",
    "the connection is lost",
)


def error(state: str) -> psycopg.Error:
    """An error as a server raises it, with a text that must not be seen."""
    made = psycopg.errors.Error("private@x.com")
    made.sqlstate = state
    return made


@pytest.mark.parametrize("state", RETRYABLE.split())
def test_what_passes_by_itself_is_tried_again(state: str) -> None:
    """The state is said, the server's text is not."""
    ours = translate(error(state), "reading model people", "PostgreSQL")

    assert isinstance(ours, RetryableError)
    assert f"SQLSTATE {state}" in str(ours)
    assert "private" not in str(ours)


@pytest.mark.parametrize("state", CONFIGURATION.split())
def test_what_a_person_must_mend_is_said(state: str) -> None:
    """Statement, right or login, by its state."""
    ours = translate(error(state), "reading model people", "PostgreSQL")

    assert isinstance(ours, ConfigurationError)
    assert f"SQLSTATE {state}" in str(ours)
    assert "private" not in str(ours)


@pytest.mark.parametrize("text", REFUSED)
def test_a_refused_login_is_known_by_its_text(text: str) -> None:
    """It carries no state."""
    ours = translate(psycopg.OperationalError(text), "asking for the time", "PostgreSQL")

    assert isinstance(ours, ConfigurationError)
    assert text not in str(ours)


@pytest.mark.parametrize("text", AWAY)
def test_what_is_not_known_for_a_refusal_is_tried_again(text: str) -> None:
    """Names of hosts don't matter, nor does a server that speaks another language."""
    ours = translate(psycopg.OperationalError(text), "asking for the time", "PostgreSQL")

    assert isinstance(ours, RetryableError)
    assert text not in str(ours)


def test_text_in_no_encoding_is_a_persons_job() -> None:
    """A database in SQL_ASCII holds whatever bytes came."""
    ours = translate(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "reading", "PostgreSQL")

    assert isinstance(ours, ConfigurationError)


def test_a_mistake_of_ours_stays_one() -> None:
    """What nobody has classified ends the process."""
    mistake = KeyError("x")
    with pytest.raises(KeyError) as raised:
        translate(mistake, "reading", "PostgreSQL")

    assert mistake is raised.value
