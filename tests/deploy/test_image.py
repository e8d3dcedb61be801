"""The image runs as the pod runs it: built from the Dockerfile, read-only, without any right."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.demands import command, demand
from tests.deploy.image import PROJECT, Pod, Store, first_child, installed_megabytes

SIZE_BUDGET_MEGABYTES = 300
STOP_DEADLINE_SECONDS = 25.0
SECRETS = "/etc/hightide/secrets"
TAG = "hightide:test"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of images, removed afterwards: it takes half a gigabyte."""
    demand(
        sys.platform == "linux"
        and os.geteuid() == 0
        and all(command(name) for name in ("buildah", "crun", "mmdebstrap", "unshare")),
        "the image is built and run as root with buildah, crun and mmdebstrap (apt-get install)",
    )
    folder = tmp_path / "store"
    yield Store(folder)
    shutil.rmtree(folder)


@pytest.mark.image
@pytest.mark.timeout(900)
def test_the_image_runs_read_only_and_without_rights(
    store: Store, tmp_path: Path, kafka_bootstrap: str, topic_prefix: str
) -> None:
    """It is small, answers, says what is unreachable, and drains when asked to stop."""
    store.build_base()
    image = store.build(TAG)
    with store.mounted(TAG) as root:
        pod = Pod(root, _config_folder(tmp_path), image)

        assert ("10001:10001", ("hightide",)) == (image.user, image.entrypoint)
        assert (("9464/tcp",), "SIGTERM") == (image.ports, image.stop_signal)
        assert installed_megabytes(root) <= SIZE_BUDGET_MEGABYTES
        _holds_nothing_but_the_worker(root)
        _is_locked_in(pod)
        _helps_and_shows_the_example(pod)
        _says_what_is_unreachable(pod)
        _drains_on_sigterm(pod, kafka_bootstrap, topic_prefix)


def _config_folder(tmp_path: Path) -> Path:
    """A folder as the pod mounts it, readable by user 10001; every system in it is dead."""
    folder = tmp_path / "config"
    (folder / "secrets").mkdir(parents=True)
    for name in ("snowflake-key.p8", "iterable-api-key", "mqr-hash-key"):
        (folder / "secrets" / name).write_text("planted\n", encoding="utf-8")
    _write_config(folder, "127.0.0.1:1", "dead")
    return folder


def _write_config(folder: Path, bootstrap: str, topic_prefix: str) -> None:
    example = (PROJECT / "worker/config/example.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(example.replace("/var/run/secrets/hightide", SECRETS))
    config["sources"]["snowflake"]["connection"] |= {"host": "127.0.0.1", "port": 1}
    config["destinations"]["iterable"]["base_url"] = "http://127.0.0.1:1"
    del config["destinations"]["iterable"]["region"]
    config["kafka"] |= {"bootstrap_servers": [bootstrap], "topic_prefix": topic_prefix}
    (folder / "hightide.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def _holds_nothing_but_the_worker(root: Path) -> None:
    packages = {path.name for path in (root / "opt/hightide").glob("lib/python3*/site-packages/*")}
    left = [root / "src", root / "opt/build", root / "root/.cache", root / "etc/pip.conf"]

    assert {"worker", "connectors"} <= packages
    assert set() == packages & {"tests", "pip", "hatchling", "pytest", "fakesnow", "pyarrow"}
    assert [] == [path for path in left if path.exists()]


PROBE = """
import os, pathlib
status = dict(l.split(":", 1) for l in pathlib.Path("/proc/self/status").read_text().splitlines())
caps = {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}
try:
    pathlib.Path("/opt/hightide/planted").touch()
    root = "writable"
except OSError as error:
    root = error.strerror
pathlib.Path("/tmp/planted").touch(), pathlib.Path("/var/lib/hightide/planted").touch()
print(os.getpid(), os.getuid(), os.getgid(), os.getgroups(), caps, root)
"""


def _is_locked_in(pod: Pod) -> None:
    line = pod.command([])[: -len(pod.image.entrypoint)]
    probe = subprocess.run(
        [*line, "/opt/hightide/bin/python", "-c", PROBE],
        check=False,
        capture_output=True,
        text=True,
    )

    assert ("1 10001 10001 [] {0} Read-only file system\n", "") == (probe.stdout, probe.stderr)


def _helps_and_shows_the_example(pod: Pod) -> None:
    helped, example = pod.run("--help"), pod.run("example")

    assert (0, "") == (helped.returncode, helped.stderr)
    assert "deliver" in helped.stdout
    written = (PROJECT / "worker/config/example.yaml").read_text(encoding="utf-8")
    assert (0, written) == (example.returncode, example.stdout)


def _says_what_is_unreachable(pod: Pod) -> None:
    checked = pod.run("check")
    said = " ".join(checked.stdout.split())

    assert 4 == checked.returncode
    assert "every secret can be read" in said
    assert "Kafka at 127.0.0.1:1 did not answer" in said
    assert "Iterable at http://127.0.0.1:1 is not reachable" in said
    assert "Traceback" not in checked.stdout + checked.stderr


def _drains_on_sigterm(pod: Pod, kafka_bootstrap: str, topic_prefix: str) -> None:
    _write_config(pod.config_folder, kafka_bootstrap, topic_prefix)
    port = _free_port()
    deliver = subprocess.Popen(
        pod.command(["deliver"], HIGHTIDE_PORT=str(port)), stderr=subprocess.PIPE, text=True
    )
    try:
        _wait_for(lambda: _answer(port, "/readyz") == 200, deliver)
        os.kill(first_child(deliver.pid), signal.SIGTERM)
        _, said = deliver.communicate(timeout=STOP_DEADLINE_SECONDS)
    finally:
        deliver.kill()

    assert (0, False) == (deliver.returncode, "Traceback" in said)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answer(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60.0
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.1)  # noqa: TID251  # a real process on the wall clock
