"""What every command takes, and how each gets from its words to its work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from worker.config.load import load_config
from worker.config.settings import Settings, load_settings
from worker.config.syncs import Config
from worker.observe.logs import configure_logs

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The YAML file; default: HIGHTIDE_CONFIG or hightide.yaml"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout")]


def load(config: Path | None, *, quiet: bool = False) -> tuple[Config, Settings]:
    """Return configuration and settings; logs are set up from here on.

    A `quiet` command says what is wrong in its one sentence; its log lines are errors only, unless
    HIGHTIDE_LOG_LEVEL asks for more.
    """
    settings = load_settings()
    asked = "log_level" in settings.model_fields_set
    configure_logs("error" if quiet and not asked else settings.log_level)
    return load_config(config or settings.config), settings


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; return what it returns."""
    return asyncio.run(work)
