"""The logins of docs/setup.md are what the configuration and the connector take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from snowflake.connector.connection_config import ConnectionConfig

import worker.config
from worker.config.document import ConfigError
from worker.config.load import load_config
from worker.config.secrets import SECRET_OPTIONS, plain

EXAMPLE = (Path(worker.config.__file__).parent / "example.yaml").read_text()
SETUP = (Path(__file__).parents[3] / "docs" / "setup.md").read_text()
SNOWFLAKE = SETUP.partition("## 1. Snowflake")[2].partition("## 2. ")[0]
LOGINS = re.findall(r"```yaml\n(connection:\n.*?)```", SNOWFLAKE, re.DOTALL)
# Names that the connector still takes for one of them.
OLD_NAMES = {"private_key_file_pwd", "private_key_passphrase"}


def loaded(tmp_path: Path, connection: object) -> dict[str, object]:
    """Return the connection as the worker has it, the rest being the example's."""
    document = yaml.safe_load(EXAMPLE)
    document["sources"]["snowflake"]["connection"] = connection
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_config(path).sources["snowflake"].connection


def test_each_way_to_log_in_is_shown() -> None:
    """Key pair first; a line of the table for each."""
    shown = [yaml.safe_load(text)["connection"].get("authenticator") for text in LOGINS]

    assert [
        "SNOWFLAKE_JWT",
        "PROGRAMMATIC_ACCESS_TOKEN",
        "OAUTH_CLIENT_CREDENTIALS",
        "WORKLOAD_IDENTITY",
        None,
    ] == shown
    rows = [line for line in SNOWFLAKE.splitlines() if line.startswith("|")]
    assert len(rows) - 2 == len(shown)


@pytest.mark.parametrize("text", LOGINS)
def test_what_is_shown_loads_and_the_connector_knows_it(tmp_path: Path, text: str) -> None:
    """No option is mistyped: the connector would only warn of one it does not know."""
    connection = yaml.safe_load(text)["connection"]
    options = loaded(tmp_path, connection)

    assert connection == options
    assert {} == ConnectionConfig.from_kwargs(**dict.fromkeys(options, "x"))._extra


@pytest.mark.parametrize("text", LOGINS)
def test_no_secret_is_shown_in_plain(text: str) -> None:
    """Secrets are references, everywhere."""
    assert not SECRET_OPTIONS & set(plain(yaml.safe_load(text)["connection"]))


def test_what_the_connector_calls_a_secret_is_one() -> None:
    """A newer connector may know more of them."""
    assert SECRET_OPTIONS >= ConnectionConfig._SENSITIVE_PARAMS | OLD_NAMES


@pytest.mark.parametrize("name", sorted(ConnectionConfig._SENSITIVE_PARAMS | OLD_NAMES))
def test_a_secret_in_plain_is_refused(tmp_path: Path, name: str) -> None:
    """Under each of its names."""
    with pytest.raises(ConfigError, match=f"{name} is a secret"):
        loaded(tmp_path, {"account": "a", name: "planted"})
