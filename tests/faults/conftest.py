"""An installation of each test's own, with a broker that the test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.process import SandboxProcess
from tests.brokers import start_broker
from tests.e2e.system import System, installation


class Broker:
    """A broker on a port of its own, to be killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: SandboxProcess = start_broker(folder, "--kind", "local")

    @property
    def bootstrap(self) -> str:
        return self.process.ready["bootstrap"]

    @property
    def kind(self) -> str:
        return self.process.ready["kind"]

    @property
    def pid(self) -> int:
        """The broker's own process, to freeze or kill."""
        return int(self.process.ready["pid"])

    def start_again(self) -> None:
        """Start it on the port and data it had."""
        port = self.bootstrap.rsplit(":", 1)[1]
        self.process = start_broker(self._folder, "--kind", self.kind, "--port", port)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real Kafka: the stand-in keeps nothing over a crash."""
    broker = Broker(tmp_path / "broker")
    try:
        if broker.kind != "apache":
            pytest.skip("UNPROVED here: crashes of the broker need a real Kafka (java and mvn)")
        yield broker
    finally:
        broker.process.stop()


@pytest.fixture
def system(
    tmp_path: Path, kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> Iterator[System]:
    """15,000 contacts, of which about 5,000 are in the model, on the run's broker."""
    prefix = topic_prefix.rstrip("-")
    with installation(tmp_path, kafka_bootstrap, kafka_kind, prefix, rows=15_000) as installed:
        yield installed
