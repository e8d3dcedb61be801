"""Secrets: never in the YAML, only named there. `repr` never shows one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from worker.config.document import ConfigError

# Options of the Snowflake connector, of kafka-python and of PostgreSQL that hold a secret, old
# names too. A conninfo is one line of options, its password among them.
SECRET_OPTIONS = frozenset(
    {
        "conninfo",
        "external_session_id",
        "master_token",
        "oauth_client_secret",
        "passcode",
        "password",
        "private_key",
        "private_key_file_pwd",
        "private_key_passphrase",
        "private_key_password",
        "proxy",
        "proxy_password",
        "sasl_plain_password",
        "session_token",
        "ssl_password",
        "sslpassword",
        "token",
    }
)


class SecretRef(BaseModel):
    """Where a secret is: `{file: PATH}` or `{env: NAME}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> SecretRef:
        if (self.file is None) == (self.env is None):
            raise ValueError("say either `file:` or `env:`")
        if self.file == Path() or (self.env is not None and not self.env.strip()):
            raise ValueError("write the file's or the variable's name")
        return self

    def read(self) -> str:
        """Return the secret as it is now; a rotated file is seen at the next call.

        Raises ConfigError, naming file or variable, when there is none.
        """
        if self.file is not None:
            try:
                value = self.file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(
                    f"the secret file {self.file} can't be read ({error.strerror})"
                ) from None
        else:
            value = os.environ.get(str(self.env), "").strip()
        if not value:
            where = f"file {self.file}" if self.file else f"environment variable {self.env}"
            raise ConfigError(f"the secret in {where} is empty or missing: set it")
        return value


def plain(options: Mapping[str, object]) -> dict[str, object]:
    """Return the connector options that are no secret references."""
    return {name: value for name, value in options.items() if not is_reference(value)}


def resolve(options: Mapping[str, object]) -> dict[str, object]:
    """Return the secrets that connector options refer to, as they are now."""
    return {
        name: SecretRef.model_validate(value).read()
        for name, value in options.items()
        if is_reference(value)
    }


def is_reference(value: object) -> bool:
    """Say whether a value is `{file: …}` or `{env: …}`."""
    return isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"file", "env"}


def literal_secret(options: Mapping[str, object]) -> str | None:
    """Return the name of an option that holds a secret in plain text, if there is one."""
    for name, value in options.items():
        if name.lower() in SECRET_OPTIONS and not is_reference(value):
            return name
    return None
