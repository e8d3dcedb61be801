"""Which broker the sandbox runs, decided from facts alone; each choice says its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connectors.sandbox.process import SandboxError

Asked = Literal["auto", "local", "apache", "embedded"]
Kind = Literal["named", "apache", "embedded"]

OLDEST_JAVA = 17

UNPROVED = (
    "cooperative rebalancing, the takeover from a consumer that died, "
    "and what a broker keeps over a crash"
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What this machine offers."""

    named: str | None
    java_major: int | None
    maven: bool
    jars_cached: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The broker to run and, for the stand-in, why not the real one."""

    kind: Kind
    reason: str = ""


def choose(asked: Asked, here: Surroundings) -> Choice:
    """Choose the broker named, else Apache Kafka, else the embedded one.

    `local` never takes the broker that HIGHTIDE_KAFKA names: a test must not write to it.
    Raises SandboxError when Apache Kafka was asked for and cannot run.
    """
    if asked == "embedded":
        return Choice("embedded", "it was asked for")
    if asked == "auto" and here.named:
        return Choice("named")
    missing = why_not_apache(here)
    if missing is None:
        return Choice("apache")
    if asked == "apache":
        raise SandboxError(f"Apache Kafka cannot run here: {missing}")
    return Choice("embedded", missing)


def why_not_apache(here: Surroundings) -> str | None:
    """What is missing for Apache Kafka, or None if nothing is."""
    if here.java_major is None:
        return f"no java was found in JAVA_HOME or on PATH (version {OLDEST_JAVA} or newer)"
    if here.java_major < OLDEST_JAVA:
        return f"java {here.java_major} is too old (version {OLDEST_JAVA} or newer)"
    if not here.jars_cached and not here.maven:
        return "its jars are not cached and no mvn was found on PATH to fetch them"
    return None


def sentence(choice: Choice, bootstrap: str, *, kafka_version: str) -> str:
    """One line for the user: which broker runs and, for the stand-in, what that leaves open."""
    if choice.kind == "named":
        return f"Kafka: the broker that HIGHTIDE_KAFKA names, {bootstrap}."
    if choice.kind == "apache":
        return f"Kafka: Apache Kafka {kafka_version}, one node, at {bootstrap}."
    return (
        f"Kafka: the embedded stand-in (noida-db) at {bootstrap}, because {choice.reason}. "
        f"It leaves unproved: {UNPROVED}."
    )
