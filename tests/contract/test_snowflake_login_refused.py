"""A login that can't work until a person acts: one sentence says what to look at, nothing leaks."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.errors import ConfigurationError, RetryableError
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.key_pairs import KeyPair
from tests.stand_ins import StandIn
from tests.warehouse_door import Door, door_to, refusal
from tests.warehouse_login import door_options

pytestmark = pytest.mark.warehouse

PASSPHRASE = "planted-passphrase"
WRONG = "planted-wrong-passphrase"
CLIENT_SECRET = "planted-client-secret"
KEY = KeyPair.new()
NOBODY = 65_534
KEY_PAIR = {"authenticator": "SNOWFLAKE_JWT"}
CREDENTIALS = {
    "authenticator": "OAUTH_CLIENT_CREDENTIALS",
    "oauth_client_id": "hightide",
    "oauth_client_secret": CLIENT_SECRET,
}


@pytest.fixture
def door(warehouse: StandIn) -> Iterator[Door]:
    with door_to(int(warehouse.ready["port"])) as door:
        yield door


async def sentence(options: Mapping[str, object], text: str) -> str:
    """Return why no session came of the options; neither it nor its traceback holds a secret."""
    async with closed_after(SnowflakeSource(options)) as source:
        with pytest.raises(ConfigurationError, match=text) as caught:
            await source.clock_ns()
    assert "snowflake_login" == caught.value.kind
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (PASSPHRASE, WRONG, CLIENT_SECRET, *KEY.pem.splitlines()[1:-1]):
        assert secret not in shown
    assert "snowflake.connector.errors" not in shown
    return str(caught.value)


@contextmanager
def not_root() -> Iterator[None]:
    """Root may read everything; in a container tests may be root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("pem", "passphrase"),
    [
        pytest.param(KEY.encrypted(PASSPHRASE), WRONG, id="wrong passphrase"),
        pytest.param(KEY.encrypted(PASSPHRASE), None, id="no passphrase"),
        pytest.param("a letter to a friend", None, id="no key"),
        pytest.param("", None, id="empty"),
        pytest.param(KEY.pem[: len(KEY.pem) // 2], None, id="half a key"),
        pytest.param(
            KEY.private.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            None,
            id="public key",
        ),
    ],
)
async def test_a_key_that_is_no_good_is_said(
    door: Door, tmp_path: Path, pem: str, passphrase: str | None
) -> None:
    """Nothing is asked of Snowflake; the sentence names both options it can be about."""
    path = tmp_path / "key.p8"
    path.write_text(pem)
    options = door_options(door, **KEY_PAIR, private_key_file=str(path))
    if passphrase is not None:
        options["private_key_password"] = passphrase
    said = await sentence(options, "must be a private key in PEM")

    assert "private_key_password its passphrase" in said
    assert not door.logins


@pytest.mark.parametrize("what", ["missing", "a folder", "not ours to read"])
async def test_a_key_file_that_cant_be_read_is_said(door: Door, tmp_path: Path, what: str) -> None:
    """With the name of the option."""
    path = tmp_path / "key.p8"
    if what == "a folder":
        path.mkdir()
    if what == "not ours to read":
        path.write_text(KEY.pem)
        path.chmod(0)
    options = door_options(door, **KEY_PAIR, private_key_file=str(path))
    with not_root():
        await sentence(options, "check private_key_file under sources")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({**KEY_PAIR}, "private_key"),
        ({"authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, "token"),
        (
            {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token_file_path": "/nowhere"},
            "token_file_path",
        ),
        ({"authenticator": "WORKLOAD_IDENTITY"}, "workload_identity_provider"),
        (
            {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "ACME"},
            "workload_identity_provider",
        ),
        ({**CREDENTIALS}, "oauth_token_request_url"),
        (
            {**CREDENTIALS, "oauth_token_request_url": "http://idp.example/token"},
            "oauth_token_request_url",
        ),
        ({"authenticator": "BY_HANDSHAKE"}, "authenticator"),
        ({"port": "many"}, "the options of the connection"),
    ],
)
async def test_an_option_that_is_no_good_is_named(
    door: Door, options: Mapping[str, object], named: str
) -> None:
    """Not as a statement that was refused: no statement was sent."""
    await sentence({**door_options(door), **options}, f"check {named} under sources")

    assert not door.logins


async def test_a_client_that_the_token_endpoint_refuses_is_said(door: Door) -> None:
    """Its own words are not: they may repeat what it was sent."""
    door.token_answer = (
        401,
        b'{"error": "invalid_client", "error_description": "%s"}' % CLIENT_SECRET.encode(),
    )
    url = f"http://127.0.0.1:{door.port}/oauth/token"
    options = door_options(door, **CREDENTIALS, oauth_token_request_url=url)
    await sentence(options, "the token endpoint refused: check oauth_client_id")

    assert not door.logins


@pytest.mark.parametrize("answer", [(503, b"busy"), (200, b"<html>")])
async def test_a_token_endpoint_that_is_away_is_asked_again(
    door: Door, answer: tuple[int, bytes]
) -> None:
    """It takes no person: the worker backs off."""
    door.token_answer = answer
    url = f"http://127.0.0.1:{door.port}/oauth/token"
    options = door_options(door, **CREDENTIALS, oauth_token_request_url=url)
    async with closed_after(SnowflakeSource(options)) as source:
        with pytest.raises(RetryableError, match="did not answer"):
            await source.clock_ns()


@pytest.mark.parametrize("number", ["390100", "390144", "390189", "390422", "394400", "390913"])
async def test_whatever_number_snowflake_refuses_with_takes_a_person(
    door: Door, number: str
) -> None:
    """Wrong key, missing role, network policy, ended token; and numbers nobody told us of."""
    door.answer_login = lambda _: refusal(number, f"their words, {PASSPHRASE}")
    said = await sentence(door_options(door, password=PASSPHRASE), "refused the login")

    assert number in said
    assert "their words" not in said


async def test_an_address_without_such_an_account_is_said(door: Door) -> None:
    """A mistyped account has an address too; it answers 403 or 404."""
    for status in (403, 404):
        door.answer_login = lambda _, status=status: (status, b"")  # type: ignore[misc]
        await sentence(door_options(door, password=WRONG), "check account and host")


async def test_a_busy_warehouse_is_asked_again(door: Door) -> None:
    """Answers that pass by themselves stop nobody."""
    for status in (429, 500, 503):
        door.answer_login = lambda _, status=status: (status, b"")  # type: ignore[misc]
        async with closed_after(SnowflakeSource(door_options(door, password=WRONG))) as source:
            with pytest.raises(RetryableError, match="did not answer"):
                await source.clock_ns()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("[warehouse]\n", 0o666, "can be written by others"),
        ("[[[ no TOML", 0o600, "its rights and its TOML"),
        ("[other]\n", 0o600, "check connection_name and connections_file_path"),
        (None, 0o600, "check connection_name and connections_file_path"),
    ],
    ids=["writable", "no TOML", "no such profile", "missing"],
)
async def test_a_connections_file_that_is_no_good_is_said(
    tmp_path: Path, text: str | None, mode: int, said: str
) -> None:
    """What is wrong with it, and nothing that stands in it."""
    path = tmp_path / "connections.toml"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    await sentence({"connection_name": "warehouse", "connections_file_path": str(path)}, said)
