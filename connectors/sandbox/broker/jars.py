"""Apache Kafka's jars: fetched once by Maven, then kept in the user's cache folder.

They are fetched beside the cache folder and renamed into it, so a broken download never counts.
Whether the repository can be reached at all must show within seconds: a first look at Hightide
on a machine without a network shall fall back, not hang.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.broker.tied import TiedProcess

POM = Path(__file__).with_name("pom.xml")


class RepositoryError(Exception):
    """The jars could not be fetched; the message says why in words for the user."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How long a download may take, and how long nothing at all may come."""

    connect_deadline_seconds: float = 10.0
    deadline_seconds: float = 120.0
    check_every_seconds: float = 0.1


def kafka_version() -> str:
    """The version that the pom pins."""
    match = re.search(r"<kafka\.version>([^<]+)<", POM.read_text(encoding="utf-8"))
    if match is None:
        raise RuntimeError(f"{POM} names no kafka.version")
    return match.group(1)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where the jars of this version are kept for this user."""
    home = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "hightide" / f"kafka-{kafka_version()}"


def fetch_jars(
    maven: str,
    cache: Path,
    log: Path,
    stop: threading.Event,
    policy: FetchPolicy = FetchPolicy(),
) -> None:
    """Fetch the jars into `cache`; nothing is fetched when it is there.

    Raises RepositoryError when they do not come within the policy's deadlines.
    """
    if cache.is_dir():
        return
    cache.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{cache.name}-", dir=cache.parent))
    try:
        _run_maven(_command(maven, scratch), log, stop, policy)
        _keep(scratch, cache)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _command(maven: str, target: Path) -> Sequence[str]:
    return [
        maven,
        "--batch-mode",
        "--strict-checksums",
        f"--file={POM}",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={target}",
        "-DincludeScope=runtime",
        # One try, and short: the defaults are minutes. Names of Maven 3.8 (wagon) and of later.
        "-Daether.connector.connectTimeout=5000",
        "-Daether.connector.requestTimeout=10000",
        "-Daether.connector.http.retryHandler.count=0",
        "-Dmaven.wagon.http.retryHandler.count=0",
    ]


def _run_maven(
    command: Sequence[str], log: Path, stop: threading.Event, policy: FetchPolicy
) -> None:
    log.unlink(missing_ok=True)
    maven = TiedProcess.start(command, log)
    start = time.monotonic()
    try:
        while maven.exit_code is None:
            if stop.wait(policy.check_every_seconds):
                raise RepositoryError("the download was stopped")
            _check_time(time.monotonic() - start, log, policy)
    finally:
        maven.stop(grace_seconds=1.0)
    if maven.exit_code != 0:
        raise RepositoryError(f"Maven could not fetch it (see {log})")


def _check_time(passed_seconds: float, log: Path, policy: FetchPolicy) -> None:
    if passed_seconds > policy.deadline_seconds:
        raise RepositoryError(f"its download took more than {policy.deadline_seconds:.0f} s")
    if passed_seconds > policy.connect_deadline_seconds and not _anything_came(log):
        raise RepositoryError(
            f"no Maven repository answered within {policy.connect_deadline_seconds:.0f} s"
        )


def _anything_came(log: Path) -> bool:
    text = log.read_text(encoding="utf-8", errors="replace")
    return "Downloaded from" in text or "Copying " in text


def _keep(scratch: Path, cache: Path) -> None:
    try:
        scratch.rename(cache)
    except OSError:
        # Another process fetched the same at the same time; its copy is as good.
        if not cache.is_dir():
            raise
    else:
        cache.chmod(0o755)  # mkdtemp makes folders for one user's eyes only
