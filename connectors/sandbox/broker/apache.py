"""Run a real Apache Kafka: KRaft, one node, broker and controller in one JVM."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.broker.ports import free_port
from connectors.sandbox.broker.tied import TiedProcess
from connectors.sandbox.process import SandboxError

_HERE = Path(__file__).parent
_FORMAT_SECONDS = 30.0
# 16 zero bytes in Kafka's base64: the cluster's name says nothing and need not be unique.
_CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ"
# A short-lived JVM: the quick compiler and the simplest collector start fastest.
_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True, slots=True)
class ApacheBroker:
    """Where one broker's parts are. Its data stays in `folder` from start to start."""

    java: str
    jars: Path
    folder: Path
    host: str

    def start(self, port: int) -> TiedProcess:
        """Format the data folder if it is new, then start the JVM; it is not ready yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self._write_properties(port)
        if not (self._data / "meta.properties").exists():
            self._format(properties)
        self.log.unlink(missing_ok=True)
        return TiedProcess.start(self._command("kafka.Kafka", str(properties)), self.log)

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _write_properties(self, port: int) -> Path:
        template = (_HERE / "server.properties").read_text(encoding="utf-8")
        values = {
            "{host}": self.host,
            "{port}": str(port),
            "{controller_port}": str(free_port(self.host)),
            "{data}": str(self._data.resolve()),
        }
        for word, value in values.items():
            template = template.replace(word, value)
        properties = self.folder / "server.properties"
        properties.write_text(template, encoding="utf-8")
        return properties

    def _format(self, properties: Path) -> None:
        command = self._command(
            "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)
        )
        done = subprocess.run(command, capture_output=True, check=False, timeout=_FORMAT_SECONDS)
        if done.returncode != 0:
            self.log.write_bytes(done.stdout + done.stderr)
            raise SandboxError(f"Kafka could not format {self._data}; see {self.log}")

    def _command(self, main_class: str, *arguments: str) -> list[str]:
        return [
            self.java,
            *_JVM,
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.xml'}",
            "-cp",
            f"{self.jars}/*",
            main_class,
            *arguments,
        ]
