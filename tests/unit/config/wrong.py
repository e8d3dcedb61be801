"""The example with a mistake in it, and the one sentence that is said of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.config.document import ConfigError
from worker.config.load import load_config

SYNC = "iterable-production"


class Wrong:
    """Loads what is wrong, and returns the sentence without the file's name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self, text: str) -> str:
        """Return what is said of a file with this text."""
        self._path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as raised:
            load_config(self._path)
        said = str(raised.value)
        assert "\n" not in said
        return said.removeprefix(f"{self._path} ")

    def example(self, change: Callable[[dict[str, Any]], object]) -> str:
        """Return what is said of the example after a change."""
        config: dict[str, Any] = yaml.safe_load(
            files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
        )
        change(config)
        return self.text(yaml.safe_dump(config, sort_keys=False))

    def sync(self, **said: object) -> str:
        """Return what is said of the example with settings of its sync replaced."""
        return self.example(lambda config: config["syncs"][SYNC].update(said))
