"""The broker as a process: it comes up, stops, dies and comes back as its callers rely on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from connectors.sandbox.process import SandboxError, SandboxProcess
from tests.brokers import start_broker
from tests.topics import create_topic, send, wait_until

pytestmark = pytest.mark.kafka

needs_apache = pytest.mark.skipif(
    shutil.which("java") is None or shutil.which("mvn") is None, reason="needs java and mvn"
)


@needs_apache
def test_acknowledged_records_survive_a_killed_broker(tmp_path: Path) -> None:
    """Killed and started again on its port and folder, Kafka has every record it acknowledged."""
    with _broker(tmp_path, "--kind", "apache") as first:
        bootstrap = first.ready["bootstrap"]
        create_topic(bootstrap, "kept")
        _produce(bootstrap, "kept", 200)
        os.kill(int(first.ready["pid"]), signal.SIGKILL)

        assert first.process.wait(timeout=5) == 1
        assert "ended by itself (exit code -9)" in first.log.read_text()
        assert str(tmp_path / "apache" / "kafka.log") in first.log.read_text()

    with _broker(tmp_path, "--kind", "apache", "--port", bootstrap.rpartition(":")[2]) as second:
        assert second.ready["bootstrap"] == bootstrap
        assert _count(bootstrap, "kept") == 200


@needs_apache
def test_a_stopped_broker_keeps_its_data_and_leaves_no_process(tmp_path: Path) -> None:
    """SIGTERM ends the JVM too, also a frozen one, and the exit code is 0."""
    with _broker(tmp_path, "--kind", "apache") as broker:
        create_topic(broker.ready["bootstrap"], "kept")
        jvm = int(broker.ready["pid"])
        os.kill(jvm, signal.SIGSTOP)
        broker.stop()

    assert broker.process.returncode == 0
    assert not _runs(jvm)
    with _broker(tmp_path, "--kind", "apache") as again:
        assert "kept" in _topics(again.ready["bootstrap"])


@needs_apache
def test_the_jvm_dies_with_a_killed_parent(tmp_path: Path) -> None:
    """Even if only the Python process is killed, no JVM is left behind."""
    with _broker(tmp_path, "--kind", "apache") as broker:
        os.kill(broker.process.pid, signal.SIGKILL)
        wait_until(lambda: not _runs(int(broker.ready["pid"])))


@needs_apache
@pytest.mark.parametrize("listens", [False, True], ids=["closed port", "silent port"])
def test_a_repository_out_of_reach_is_found_out_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    """Without the jars and without a repository the stand-in runs, and the line says why."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        _use_repository(tmp_path, monkeypatch, server.getsockname()[1])
        start = time.monotonic()
        with _broker(tmp_path / "broker", "--kind", "local") as broker:
            assert time.monotonic() - start < 15
            assert broker.ready["kind"] == "embedded"
            assert "Apache Kafka" in broker.ready["sentence"]
            assert "It leaves unproved" in broker.ready["sentence"]


def test_the_embedded_broker_keeps_its_data_over_an_orderly_restart(tmp_path: Path) -> None:
    """The stand-in can be used, stopped, and started on its port again."""
    with _broker(tmp_path, "--kind", "embedded") as first:
        bootstrap = first.ready["bootstrap"]
        create_topic(bootstrap, "kept")
        _produce(bootstrap, "kept", 50)
        first.stop()
        assert first.process.returncode == 0

    port = bootstrap.rpartition(":")[2]
    with _broker(tmp_path, "--kind", "embedded", "--port", port):
        assert _count(bootstrap, "kept") == 50


def test_a_named_broker_is_used_and_left_running(
    tmp_path: Path, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox starts nothing beside a broker the user has, and stops nothing of it."""
    monkeypatch.setenv("HIGHTIDE_KAFKA", kafka_bootstrap)
    with _broker(tmp_path) as broker:
        assert broker.ready["kind"] == "named"
        assert broker.ready["bootstrap"] == kafka_bootstrap
        assert broker.ready["pid"] == ""
        broker.stop()

    assert broker.process.returncode == 0
    assert isinstance(_topics(kafka_bootstrap), list)


def test_a_port_that_is_taken_is_an_error_and_not_another_broker(tmp_path: Path) -> None:
    """A broker of somebody else on the port is never reported as ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with pytest.raises(SandboxError):
            start_broker(tmp_path, "--kind", "embedded", "--port", port)

    assert f"port {port} is taken" in (tmp_path / "broker.log").read_text()


@contextmanager
def _broker(folder: Path, *arguments: str) -> Iterator[SandboxProcess]:
    process = start_broker(folder, *arguments)
    try:
        yield process
    finally:
        process.stop()


def _use_repository(folder: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Let mvn know only a repository on `port`, with nothing cached; Python stays as it is."""
    settings = folder / "settings.xml"
    settings.write_text(
        "<settings><mirrors><mirror><id>test</id><mirrorOf>*</mirrorOf>"
        f"<url>http://127.0.0.1:{port}/</url></mirror></mirrors></settings>",
        encoding="utf-8",
    )
    program = folder / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec {shutil.which('mvn')} --settings={settings} "
        f'-Dmaven.repo.local={folder / "repository"} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


def _produce(bootstrap: str, topic: str, count: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all")) as producer:
        send(producer, topic, count)


def _count(bootstrap: str, topic: str) -> int:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=1000,
    )
    with closing(consumer):
        return sum(1 for _ in consumer)


def _topics(bootstrap: str) -> list[str]:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        return list(admin.list_topics())


def _runs(pid: int) -> bool:
    """Whether the process still runs; one that ended and is not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
