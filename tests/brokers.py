"""The broker that a test run uses: a named one, or one that is started for the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.broker import START_DEADLINE_SECONDS
from connectors.sandbox.process import SandboxProcess


@dataclass(frozen=True, slots=True)
class RunBroker:
    """The broker of this run; `sentence` says which one it is."""

    bootstrap: str
    kind: str
    sentence: str


@contextmanager
def run_broker(environment: Mapping[str, str], folder: Path) -> Iterator[RunBroker]:
    """The broker HIGHTIDE_TEST_KAFKA names, else one in `folder` that ends with the context.

    HIGHTIDE_TEST_BROKER (`apache`, `embedded`) forces a kind. HIGHTIDE_KAFKA is not looked at:
    it may name a broker that somebody uses.
    """
    if named := environment.get("HIGHTIDE_TEST_KAFKA"):
        yield RunBroker(named, "named", f"Kafka: the broker HIGHTIDE_TEST_KAFKA names, {named}.")
        return
    process = start_broker(folder, "--kind", environment.get("HIGHTIDE_TEST_BROKER", "local"))
    try:
        ready = process.ready
        yield RunBroker(ready["bootstrap"], ready["kind"], ready["sentence"])
    finally:
        process.stop()


def start_broker(folder: Path, *arguments: str) -> SandboxProcess:
    """Start a broker of a test's own; `ready["pid"]` is the broker's process, to freeze or kill."""
    return SandboxProcess.start(
        "broker",
        ["--folder", str(folder), *arguments],
        folder,
        deadline_seconds=START_DEADLINE_SECONDS,
    )


def refusal(broker: RunBroker, environment: Mapping[str, str]) -> str | None:
    """Why this run must not go on: in CI the stand-in would prove too little."""
    in_ci = environment.get("CI", "").lower() in {"true", "1"}
    if not in_ci or broker.kind != "embedded":
        return None
    cure = "install Java 17 and Maven, or name a broker in HIGHTIDE_TEST_KAFKA"
    return f"CI needs a real Kafka: {cure}. {broker.sentence}"


def unproved(broker: RunBroker) -> str | None:
    """What this run's broker leaves unproved, as a sentence, or None for a real Kafka."""
    if broker.kind != "embedded":
        return None
    return (
        f"{broker.sentence}\n"
        "To prove that too, install Java 17 and Maven, or name a broker in HIGHTIDE_TEST_KAFKA."
    )
