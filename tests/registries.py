"""A real schema registry for a test run: Apicurio's, from Maven Central, with its data in memory.

It speaks Confluent's REST API under `/apis/ccompat/v7`. A registry named in HIGHTIDE_TEST_REGISTRY
(the URL of its Confluent API) is used instead. It is fetched once (142 MB) into the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from connectors.sandbox.broker.java import find_java
from connectors.sandbox.broker.ports import free_port

# 3.x needs Java 21; this one runs on the 17 that the broker needs.
VERSION = "2.6.13.Final"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
FETCH_SECONDS = 90.0
START_SECONDS = 20.0


class NoRegistryError(Exception):
    """No registry can be had here; the message says why."""


@contextmanager
def run_registry(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The URL of a registry's Confluent API; NoRegistryError when none can be had."""
    if named := environment.get("HIGHTIDE_TEST_REGISTRY"):
        yield named
        return
    java = find_java(environment)
    if java is None or java.major < 17:
        raise NoRegistryError("a schema registry needs Java 17")
    home = _fetched(environment)
    [jar] = home.glob("*-runner.jar")
    port = free_port("127.0.0.1")
    command = [java.command, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    command += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}", "-jar", str(jar)]
    log = folder / "registry.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as child:
        try:
            url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
            _wait_until_it_answers(url, child, log)
            yield url
        finally:
            child.kill()  # it keeps nothing


def _fetched(environment: Mapping[str, str]) -> Path:
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hightide"
    home = cache / f"apicurio-{VERSION}"
    if home.is_dir():
        return home
    maven = shutil.which("mvn", path=environment.get("PATH", ""))
    if maven is None:
        raise NoRegistryError("a schema registry needs mvn to be fetched")
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".apicurio-", dir=cache))
    try:
        _run_maven(maven, scratch)
        scratch.rename(home)
    except OSError:
        if not home.is_dir():  # else another run fetched it at the same time
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return home


def _run_maven(maven: str, target: Path) -> None:
    command = [
        *(maven, "--batch-mode", "--strict-checksums", "--quiet"),
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack",
        *(f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={target}"),
        # One try, and short: the defaults are minutes. Names of Maven 3.8 (wagon) and of later.
        *("-Daether.connector.connectTimeout=5000", "-Daether.connector.requestTimeout=20000"),
        "-Daether.connector.http.retryHandler.count=0",
        "-Dmaven.wagon.http.retryHandler.count=0",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=FETCH_SECONDS, check=False, cwd=target
        )
    except subprocess.TimeoutExpired:
        raise NoRegistryError(f"its download took more than {FETCH_SECONDS:.0f} s") from None
    if done.returncode != 0 or not list(target.glob("*-runner.jar")):
        raise NoRegistryError("Maven could not fetch the schema registry")


def _wait_until_it_answers(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < end:
        try:
            with opener.open(f"{url}/subjects", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # noqa: TID251  # a test waits for another process
    text = os.linesep.join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    raise NoRegistryError(f"the schema registry did not start: {text}")
