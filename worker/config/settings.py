"""What belongs to the process, not to the syncs: from the environment, `HIGHTIDE_…`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.config.document import ConfigError
from worker.config.sentences import sentence


class Settings(BaseSettings):
    """Settings of one process."""

    model_config = SettingsConfigDict(env_prefix="HIGHTIDE_", extra="ignore", frozen=True)

    config: Path = Field(default=Path("hightide.yaml"), description="the YAML file")
    state_dir: Path = Field(
        default=Path(".state"), description="where the index is kept; deleting it loses nothing"
    )
    host: str = Field(default="0.0.0.0", description="where metrics and health are served")  # noqa: S104  # scraped from outside the pod
    port: int = Field(default=9464, ge=0, le=65535, description="port of metrics and health")
    probe_seconds: float = Field(
        default=30.0,
        gt=0,
        description="how often something that waits for a person is tried again",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level of log lines"
    )


def load_settings() -> Settings:
    """Return the settings; ConfigError names the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "HIGHTIDE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"environment variable {name}: {sentence(first)}") from None
