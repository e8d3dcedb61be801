"""What the wiring hands to the connectors and stages: secrets as they are now, needed columns."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.errors import ConfigurationError
from connectors.kafka.connection import KafkaConnection, OwnedClient
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from worker.app.parts import Parts
from worker.app.roles import Roles, mqr_policy
from worker.clock import SystemClock
from worker.config.load import load_config
from worker.config.settings import Settings
from worker.observe.meter import Meter

MODEL, SYNC = "marketing_contacts", "iterable-production"


def parts(folder: Path) -> Parts:
    """Return the parts of the example, with its secrets in files of a folder."""
    text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    config["destinations"]["iterable"]["api_key"] = {"file": str(folder / "key")}
    config["mqr"]["hash_key"] = {"file": str(folder / "hash-key")}
    config["kafka"]["security"] = {
        "sasl_plain_username": "hightide",
        "sasl_plain_password": {"file": str(folder / "password")},
    }
    (folder / "hash-key").write_text("0123456789abcdef")
    path = folder / "hightide.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return Parts(load_config(path), Settings(state_dir=folder / "state", port=0))


@pytest.mark.parametrize("key", ["abc\ndef", "abc\r\nX-Evil: 1", "abc\0def"])
async def test_an_api_key_with_a_line_break_is_a_persons_job(tmp_path: Path, key: str) -> None:
    """Two secrets in one file: said without either of them, before any call is made."""
    (tmp_path / "key").write_text(key)
    async with closed_after(parts(tmp_path).destination(SYNC)) as destination:
        with pytest.raises(ConfigurationError, match="the API key holds a line break") as raised:
            await destination.probe()

    assert "secret" == raised.value.kind
    assert "abc" not in str(raised.value)


async def test_an_api_key_that_is_gone_is_a_persons_job(tmp_path: Path) -> None:
    """The sync stops with a sentence; the process lives, and the next call looks again."""
    async with closed_after(parts(tmp_path).destination(SYNC)) as destination:
        with pytest.raises(ConfigurationError, match=r"the secret file .*key can't be read"):
            await destination.probe()


async def test_a_kafka_password_is_read_anew_with_each_client(tmp_path: Path) -> None:
    """After a failure the client is made anew, with what stands in the file by then."""
    (tmp_path / "password").write_text("old")
    seen: list[object] = []

    def build(connection: KafkaConnection) -> object:
        seen.append(connection.options()["sasl_plain_password"])
        return object()

    def fail(_: object) -> None:
        raise TimeoutError

    client = OwnedClient(parts(tmp_path).kafka, "test", build, lambda _: None)
    async with closed_after(client):
        with pytest.raises(Exception, match="did not answer while trying"):
            await client.run("trying", fail)
        (tmp_path / "password").write_text("new\n")
        await client.run("trying", lambda _: None)
        await client.run("trying", lambda _: None)

    assert ["old", "new"] == seen


async def test_a_kafka_password_that_is_gone_is_a_persons_job(tmp_path: Path) -> None:
    """Not a traceback: the sentence names the file."""
    async with closed_after(parts(tmp_path).admin()) as admin:
        with pytest.raises(ConfigurationError, match=r"the secret file .*password can't be read"):
            await admin.topics()


def test_a_snowflake_password_is_asked_for_at_each_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options that a source is made with hold no secret, only where it is."""
    made = parts(tmp_path)
    seen: list[tuple[object, ...]] = []

    class Seen(SnowflakeSource):
        def __init__(self, *given: Any) -> None:
            seen.append(given)

    monkeypatch.setattr("connectors.snowflake.source.SnowflakeSource", Seen)
    connection = made.config.sources["snowflake"].connection
    connection["password"] = {"env": "HIGHTIDE_TEST_PASSWORD"}
    made.source("snowflake")
    [(plain, secrets)] = seen
    assert isinstance(plain, dict)
    assert callable(secrets)
    for value in ("old", "new"):
        monkeypatch.setenv("HIGHTIDE_TEST_PASSWORD", value)
        assert {"password": value} == secrets()

    assert "password" not in plain


async def test_every_mapped_column_is_needed(tmp_path: Path) -> None:
    """Those of `match` and of `fields`, of each sync of the model."""
    made = parts(tmp_path)
    config = made.config
    meter = Meter(config.models, config.syncs, mqr_policy(config.mqr))
    role = Roles(made, SystemClock(asyncio.Event()), meter).poll()
    mapped = config.syncs[SYNC].columns
    for close in role.closers:
        await close()

    assert mapped == role.polls[MODEL]._model.needed_columns
    assert "GITLAB_DOTCOM_USER_ID" in mapped
    assert frozenset({MODEL}) == role.account.policy.models
