"""From the wish for a broker to one that answers: look, choose, fetch, start, wait.

Order: 1. look what this machine offers, 2. choose, 3. fetch the jars if Apache Kafka is chosen
(out of reach: choose again, without it), 4. start, again if another process took the port,
5. wait until the API answers.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.broker.answering import wait_until_answering
from connectors.sandbox.broker.apache import ApacheBroker
from connectors.sandbox.broker.choice import Asked, Choice, Kind, Surroundings, choose, sentence
from connectors.sandbox.broker.embedded import EmbeddedBroker
from connectors.sandbox.broker.jars import RepositoryError, cache_folder, fetch_jars, kafka_version
from connectors.sandbox.broker.java import Java, find_java
from connectors.sandbox.broker.ports import free_port, wait_until_free
from connectors.sandbox.broker.tied import TiedProcess
from connectors.sandbox.process import SandboxError

START_DEADLINE_SECONDS = 30.0
_NAMED_DEADLINE_SECONDS = 10.0
_PORT_DEADLINE_SECONDS = 3.0
_ATTEMPTS = 3
# What the two brokers say when another process took the port between our look and their bind.
_PORT_TAKEN = ("Address already in use", "BindException", "address in use")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line; port 0 means any free one."""

    asked: Asked
    folder: Path
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Running:
    """A broker that answers. `child` is None for a broker that somebody else runs."""

    bootstrap: str
    kind: Kind
    sentence: str
    child: TiedProcess | None


def launch(wanted: Wanted, environment: Mapping[str, str], stop: threading.Event) -> Running:
    """Return once a broker answers; raise SandboxError with the reason if none can be had."""
    java = find_java(environment)
    maven = shutil.which("mvn", path=environment.get("PATH", ""))
    cache = cache_folder(environment)
    here = Surroundings(
        named=environment.get("HIGHTIDE_KAFKA"),
        java_major=java.major if java else None,
        maven=maven is not None,
        jars_cached=cache.is_dir(),
    )
    choice = choose(wanted.asked, here)
    if choice.kind == "apache" and not here.jars_cached:
        choice = _fetched(wanted, choice, maven or "mvn", cache, stop)
    if choice.kind == "named":
        return _named(here.named or "", choice, stop)
    return _started(wanted, choice, _broker(wanted, choice, java, cache), stop)


def _fetched(
    wanted: Wanted, choice: Choice, maven: str, cache: Path, stop: threading.Event
) -> Choice:
    wanted.folder.mkdir(parents=True, exist_ok=True)
    try:
        fetch_jars(maven, cache, wanted.folder / "maven.log", stop)
    except RepositoryError as error:
        reason = f"Apache Kafka {kafka_version()} is not here and {error}"
        if wanted.asked == "apache" or stop.is_set():
            raise SandboxError(reason) from error
        return Choice("embedded", reason)
    return choice


def _broker(
    wanted: Wanted, choice: Choice, java: Java | None, cache: Path
) -> ApacheBroker | EmbeddedBroker:
    folder = wanted.folder / choice.kind
    if choice.kind == "apache" and java is not None:
        return ApacheBroker(java.command, cache, folder, wanted.host)
    return EmbeddedBroker(folder, wanted.host)


def _named(bootstrap: str, choice: Choice, stop: threading.Event) -> Running:
    if not wait_until_answering(
        bootstrap, alive=lambda: True, stop=stop, deadline_seconds=_NAMED_DEADLINE_SECONDS
    ):
        raise SandboxError(f"the broker that HIGHTIDE_KAFKA names, {bootstrap}, does not answer")
    line = sentence(choice, bootstrap, kafka_version=kafka_version())
    return Running(bootstrap, choice.kind, line, None)


def _started(
    wanted: Wanted, choice: Choice, broker: ApacheBroker | EmbeddedBroker, stop: threading.Event
) -> Running:
    for _ in range(_ATTEMPTS):
        port = _port(wanted, stop)
        bootstrap = f"{wanted.host}:{port}"
        child = broker.start(port)
        if _comes_up(child, bootstrap, stop):
            line = sentence(choice, bootstrap, kafka_version=kafka_version())
            return Running(bootstrap, choice.kind, line, child)
        if stop.is_set() or not _port_was_taken(broker.log):
            break
    raise SandboxError(f"the broker did not start; its last words are in {broker.log}")


def _port(wanted: Wanted, stop: threading.Event) -> int:
    if wanted.port == 0:
        return free_port(wanted.host)
    # Without this look, another broker on the port would answer as if it were ours.
    if not wait_until_free(
        wanted.host, wanted.port, stop=stop, deadline_seconds=_PORT_DEADLINE_SECONDS
    ):
        raise SandboxError(f"port {wanted.port} is taken by another process")
    return wanted.port


def _comes_up(child: TiedProcess, bootstrap: str, stop: threading.Event) -> bool:
    """Whether the child answers in time; one that does not is ended."""
    answers = False
    try:
        answers = wait_until_answering(
            bootstrap,
            alive=lambda: child.exit_code is None,
            stop=stop,
            deadline_seconds=START_DEADLINE_SECONDS,
        )
    finally:
        if not answers:
            child.stop(grace_seconds=1.0)
    return answers


def _port_was_taken(log: Path) -> bool:
    text = log.read_text(encoding="utf-8", errors="replace")
    return any(words in text for words in _PORT_TAKEN)
