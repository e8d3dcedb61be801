"""Each way to log in to Snowflake: the proof arrives there and nothing of it leaks."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from connectors.errors import ConfigurationError
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.key_pairs import KeyPair
from tests.stand_ins import StandIn
from tests.warehouse_door import ACCESS_TOKEN, Door, claims, door_to, refusal
from tests.warehouse_login import door_options
from worker.observe.logs import configure_logs

pytestmark = pytest.mark.warehouse

TOKEN = "ver:1:planted-token"
SECRET = "planted-secret"
KEY = KeyPair.new()
# Workload identity of the kind OIDC is a JWT of some issuer; Snowflake reads it, we do not.
_PART = base64.urlsafe_b64encode(json.dumps({"sub": "hightide"}).encode()).rstrip(b"=").decode()
IDENTITY = f"{_PART}.{_PART}.{base64.urlsafe_b64encode(b'sign').rstrip(b'=').decode()}"


@pytest.fixture
def door(warehouse: StandIn) -> Iterator[Door]:
    with door_to(int(warehouse.ready["port"])) as door:
        yield door


async def logged_in(options: Mapping[str, object], **secrets: object) -> None:
    """Run a statement in a session of its own."""
    async with closed_after(SnowflakeSource(options, lambda: secrets)) as source:
        assert await source.clock_ns() > 0


def key_file(folder: Path, pem: str = KEY.pem) -> str:
    path = folder / "snowflake-key.p8"
    path.write_text(pem)
    return str(path)


async def test_a_key_pair_signs_who_asks(door: Door, tmp_path: Path) -> None:
    """A JWT of account and user, signed with the key, under the fingerprint Snowflake shows."""
    options = door_options(door, authenticator="SNOWFLAKE_JWT", private_key_file=key_file(tmp_path))
    await logged_in(options)

    [login] = door.logins
    assert ("SNOWFLAKE_JWT", "HIGHTIDE") == (login["AUTHENTICATOR"], login["LOGIN_NAME"])
    assert KEY.signed(login["TOKEN"])
    assert f"SANDBOX.HIGHTIDE.{KEY.fingerprint}" == claims(login["TOKEN"])["iss"]
    assert "PASSWORD" not in login


async def test_an_encrypted_key_opens_with_its_passphrase(door: Door, tmp_path: Path) -> None:
    """The passphrase is a secret of its own and stays here."""
    path = key_file(tmp_path, KEY.encrypted(SECRET))
    options = door_options(door, authenticator="SNOWFLAKE_JWT", private_key_file=path)
    await logged_in(options, private_key_password=SECRET)

    assert KEY.signed(door.logins[0]["TOKEN"])
    assert SECRET not in json.dumps(door.logins)


async def test_a_key_may_be_a_secret_of_the_configuration(door: Door) -> None:
    """`private_key: {file: …}`: its text, instead of a path."""
    await logged_in(door_options(door, authenticator="SNOWFLAKE_JWT"), private_key=KEY.pem)

    assert KEY.signed(door.logins[0]["TOKEN"])


@pytest.mark.parametrize("how", ["secret", "file"])
async def test_a_programmatic_access_token_arrives(door: Door, tmp_path: Path, how: str) -> None:
    """As a secret or from a file of its own, without the line end an editor leaves."""
    options = door_options(door, authenticator="PROGRAMMATIC_ACCESS_TOKEN")
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    if how == "file":
        await logged_in({**options, "token_file_path": str(path)})
    else:
        await logged_in(options, token=TOKEN)

    [login] = door.logins
    assert ("PROGRAMMATIC_ACCESS_TOKEN", TOKEN) == (login["AUTHENTICATOR"], login["TOKEN"])


async def test_client_credentials_are_changed_into_a_token(door: Door) -> None:
    """The secret goes to the token endpoint and only there; Snowflake sees the access token."""
    options = door_options(
        door,
        authenticator="OAUTH_CLIENT_CREDENTIALS",
        oauth_client_id="hightide",
        oauth_token_request_url=f"http://127.0.0.1:{door.port}/oauth/token",
        oauth_scope="session:role:HIGHTIDE_ROLE",
    )
    await logged_in(options, oauth_client_secret=SECRET)

    [asked] = door.token_requests
    basic = base64.b64encode(f"hightide:{SECRET}".encode()).decode()
    assert f"Basic {basic}" == asked.headers["authorization"]
    assert b"grant_type=client_credentials&scope=session%3Arole%3AHIGHTIDE_ROLE" == asked.body
    [login] = door.logins
    assert ("OAUTH", ACCESS_TOKEN) == (login["AUTHENTICATOR"], login["TOKEN"])
    assert SECRET not in json.dumps(login)


async def test_a_workload_identity_is_not_shown_to_strangers(door: Door) -> None:
    """The connector shows it to Snowflake's own hosts only: one sentence, and no login."""
    options = door_options(
        door, authenticator="WORKLOAD_IDENTITY", workload_identity_provider="OIDC"
    )
    with pytest.raises(ConfigurationError, match="no workload identity to show") as caught:
        await logged_in(options, token=IDENTITY)

    assert IDENTITY not in str(caught.value)
    assert not door.logins


async def test_a_workload_identity_arrives_where_it_may(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the host allowed: the provider and its token, no user's password or key."""
    monkeypatch.setenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES", "127.0.0.1")
    options = door_options(
        door, authenticator="WORKLOAD_IDENTITY", workload_identity_provider="OIDC"
    )
    del options["user"]  # Snowflake finds it by the identity
    await logged_in(options, token=IDENTITY)

    [login] = door.logins
    assert ("WORKLOAD_IDENTITY", "OIDC") == (login["AUTHENTICATOR"], login["PROVIDER"])
    assert not login.get("LOGIN_NAME")
    assert IDENTITY == login["TOKEN"]


async def test_a_profile_of_a_connections_file_is_used(door: Door, tmp_path: Path) -> None:
    """Only its name and place stand in our configuration; our session defaults hold for it too."""
    profile = {
        **door_options(door, user="PROFILE", private_key_file=key_file(tmp_path)),
        "authenticator": "SNOWFLAKE_JWT",
    }
    path = connections_file(tmp_path, profile)
    await logged_in({"connection_name": "warehouse", "connections_file_path": path})

    [login] = door.logins
    assert "PROFILE" == login["LOGIN_NAME"]
    assert KEY.signed(login["TOKEN"])
    assert ("UTC", "hightide") == session(login)


async def test_a_session_is_in_utc_and_has_our_name(door: Door) -> None:
    """And ends statements that take too long, also when the connector is gone."""
    await logged_in(door_options(door), password="sandbox")

    [login] = door.logins
    assert ("UTC", "hightide") == session(login)
    limits = login["SESSION_PARAMETERS"]
    assert ("900", "300") == (
        str(limits["STATEMENT_TIMEOUT_IN_SECONDS"]),
        str(limits["STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"]),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"query_tag": "team-a"},
        {"session_parameters": {"QUERY_TAG": "team-a"}},
        {"session_parameters": {"query_tag": "team-a", "timezone": "UTC"}},
    ],
)
async def test_the_query_tag_may_be_another(door: Door, said: Mapping[str, object]) -> None:
    """In whatever way the connector takes it; the time zone stays."""
    await logged_in({**door_options(door), **said}, password="sandbox")

    assert ("UTC", "team-a") == session(door.logins[0])


@pytest.mark.parametrize(
    "said",
    [
        {"timezone": "Europe/Berlin"},
        {"TIMEZONE": "Europe/Berlin"},
        {"session_parameters": {"TIMEZONE": "Europe/Berlin"}},
        {"session_parameters": {"Timezone": "Europe/Berlin"}},
    ],
)
async def test_the_time_zone_may_not(door: Door, said: Mapping[str, object]) -> None:
    """Its casts would give other moments: refused in one sentence, before a login."""
    with pytest.raises(ConfigurationError, match="TIMEZONE of a Snowflake session is UTC"):
        await logged_in({**door_options(door), **said}, password="sandbox")

    assert not door.logins


@contextmanager
def logging_as_the_worker() -> Iterator[None]:
    """Write logs the worker's own way, at its most talkative."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logs("debug")
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()


async def test_a_login_leaves_no_secret_in_logs(
    door: Door, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor when it is refused in words that hold one: the connector logs those words."""
    path = key_file(tmp_path, KEY.encrypted(SECRET))
    by_key = door_options(door, authenticator="SNOWFLAKE_JWT", private_key_file=path)
    by_token = door_options(door, authenticator="PROGRAMMATIC_ACCESS_TOKEN")
    with logging_as_the_worker():
        await logged_in(by_key, private_key_password=SECRET)
        await logged_in(by_token, token=TOKEN)
        door.answer_login = lambda login: refusal("394400", f"{login['TOKEN']} is no good")
        with pytest.raises(ConfigurationError, match="394400") as caught:
            await logged_in(by_token, token=TOKEN)

    left = "".join([*capfd.readouterr(), *traceback.format_exception(caught.value)])
    assert '"library": "snowflake.connector' in left
    for secret in (SECRET, TOKEN, KEY.pem.splitlines()[1], *(n["TOKEN"] for n in door.logins)):
        assert secret not in left


async def test_the_connector_itself_writes_no_proof(
    door: Door, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where somebody lets its DEBUG lines through."""
    caplog.set_level(logging.DEBUG)
    path = key_file(tmp_path, KEY.encrypted(SECRET))
    options = door_options(door, authenticator="SNOWFLAKE_JWT", private_key_file=path)
    await logged_in(options, private_key_password=SECRET)
    await logged_in(door_options(door, authenticator="PROGRAMMATIC_ACCESS_TOKEN"), token=TOKEN)

    assert "login" in caplog.text
    for secret in (SECRET, TOKEN, KEY.pem.splitlines()[1], *(n["TOKEN"] for n in door.logins)):
        assert secret not in caplog.text


def connections_file(folder: Path, profile: Mapping[str, object]) -> str:
    """Write a profile named warehouse; the connector wants it closed to other writers."""
    path = folder / "connections.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in profile.items()]
    path.write_text("\n".join(["[warehouse]", *lines, ""]))
    path.chmod(0o600)
    return str(path)


def session(login: Mapping[str, Any]) -> tuple[str, str]:
    """The time zone and the tag a login asks for."""
    parameters = {name.upper(): value for name, value in login["SESSION_PARAMETERS"].items()}
    return parameters["TIMEZONE"], parameters["QUERY_TAG"]
