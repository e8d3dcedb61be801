"""A configuration like the one users write, pointed at the stand-ins of the run, and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stand_ins import PASSWORD, StandIn
from worker.app.parts import Parts
from worker.config.load import load_config
from worker.config.settings import Settings

MODEL = "marketing_contacts"
SYNC = "iterable-production"

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is; `parts` makes a fresh worker's connectors, with one thing changed."""

    folder: Path
    bootstrap: str
    broker_kind: str
    warehouse: StandIn
    iterable: StandIn
    topic_prefix: str

    def parts(self, change: Change | None = None) -> Parts:
        """Write `hightide.yaml`, load it as the command does, and build the parts."""
        config = self._config()
        if change is not None:
            change(config)
        path = self.folder / "hightide.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return Parts(load_config(path), Settings(state_dir=self.folder / "state", port=0))

    def set_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the secrets where the configuration looks for them."""
        monkeypatch.setenv("HIGHTIDE_TEST_PASSWORD", PASSWORD)
        monkeypatch.setenv("HIGHTIDE_TEST_KEY", self.iterable.ready["api_key"])
        monkeypatch.setenv("HIGHTIDE_TEST_MQR_KEY", "0123456789abcdef")

    def _config(self) -> dict[str, Any]:
        text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
        config: dict[str, Any] = yaml.safe_load(text)
        config["sources"]["snowflake"]["connection"] = {
            "account": "sandbox",
            "user": "HIGHTIDE",
            "password": {"env": "HIGHTIDE_TEST_PASSWORD"},
            "host": self.warehouse.ready["host"],
            "port": int(self.warehouse.ready["port"]),
            "protocol": "http",
            "use_proxy_env": False,
            "database": "PREP",
            "schema": "SENSITIVE",
            # One short try: a test of something broken does not wait for it.
            "retry_max_attempts": 1,
            "login_timeout": 4,
        }
        destination = config["destinations"]["iterable"]
        del destination["region"]
        destination |= {"base_url": self.iterable.url, "api_key": {"env": "HIGHTIDE_TEST_KEY"}}
        config["kafka"] = {
            "bootstrap_servers": [self.bootstrap],
            "partitions": 2,
            "replication_factor": 1,
            "assignor": "range" if self.broker_kind == "embedded" else "cooperative",
            "topic_prefix": self.topic_prefix.strip("-"),
        }
        config["mqr"]["hash_key"] = {"env": "HIGHTIDE_TEST_MQR_KEY"}
        return config
