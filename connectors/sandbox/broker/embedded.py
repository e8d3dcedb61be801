"""Run the stand-in for machines without Java: noida-db's Kafka, a small Rust program.

Good enough for a first look: exact offsets, working compaction, range assignment. What it
cannot show stands in choice.UNPROVED.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from connectors.sandbox.broker.tied import TiedProcess
from connectors.sandbox.process import SandboxError


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """Where the stand-in keeps its data, from start to start."""

    folder: Path
    host: str

    def start(self, port: int) -> TiedProcess:
        """Start the program; it is not ready yet. Raises SandboxError if it is not installed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        command = [_program(), "start", "--only", "kafka", "--host", self.host]
        command += ["--kafka-port", str(port), "--data-dir", str(self.folder / "data")]
        return TiedProcess.start(command, self.log)

    @property
    def log(self) -> Path:
        return self.folder / "noida-db.log"


def _program() -> str:
    """The program itself: its Python wrapper does not pass SIGTERM on."""
    try:
        program = Path(str(files("noida_db").joinpath("noida-db")))
    except ModuleNotFoundError as error:
        raise SandboxError(
            "the embedded broker is not installed; run: pip install 'hightide[sandbox]'"
        ) from error
    program.chmod(0o755)  # the wheel ships it without the right to run
    return str(program)
