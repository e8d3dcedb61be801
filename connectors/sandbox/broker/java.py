"""Find a Java that can run Apache Kafka."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.broker.choice import OLDEST_JAVA

_ANSWER_SECONDS = 10.0
# `openjdk version "17.0.15" 2025-04-15`; before Java 9: `java version "1.8.0_392"`.
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A java command and its major version."""

    command: str
    major: int


def find_java(environment: Mapping[str, str]) -> Java | None:
    """The first java new enough in JAVA_HOME, then PATH; else the newest found; else None."""
    found = [java for java in map(_asked, _candidates(environment)) if java is not None]
    fitting = [java for java in found if java.major >= OLDEST_JAVA]
    return fitting[0] if fitting else max(found, key=lambda java: java.major, default=None)


def java_major(answer: str) -> int | None:
    """The major version in what `java -version` prints, or None if none is there."""
    match = _VERSION.search(answer)
    return int(match.group(1)) if match else None


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    if home := environment.get("JAVA_HOME"):
        yield str(Path(home) / "bin" / "java")
    if on_path := shutil.which("java", path=environment.get("PATH", "")):
        yield on_path


def _asked(command: str) -> Java | None:
    try:
        answer = subprocess.run(
            [command, "-version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    major = java_major(answer.stderr + answer.stdout)
    return Java(command, major) if major is not None else None
