"""The Kafka connectors while their broker is frozen, gone or back: what is uncertain is said."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.errors import RetryableError
from connectors.kafka.admin import KafkaAdmin
from connectors.kafka.ledger import KafkaLedger
from connectors.kafka.log import KafkaModelLog
from connectors.kafka.producer import KafkaChangeProducer
from connectors.sandbox.process import SandboxProcess
from tests.brokers import start_broker
from tests.closing import closed_after
from tests.contract.test_kafka_ledger import COMMIT
from tests.group_members import Members, events_until, messages, offsets
from tests.kafka_records import changes, connect, keys, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A broker of this module's own, to freeze."""
    process = start_broker(tmp_path_factory.mktemp("frozen"), "--kind", "local")
    yield process
    process.stop()


@pytest.fixture
def bootstrap(broker: SandboxProcess) -> str:
    return broker.ready["bootstrap"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines of production, shortened to fit a test."""
    monkeypatch.setattr("connectors.kafka.connection.CONNECT_TIMEOUT_MS", 1_500)
    for module in ("admin", "log", "producer", "consumer"):
        monkeypatch.setattr(f"connectors.kafka.{module}.REQUEST_TIMEOUT_MS", 1_500)
    for module in ("producer", "ledger"):
        monkeypatch.setattr(f"connectors.kafka.{module}.ACK_DEADLINE_SECONDS", 2.0)


@pytest.fixture
async def producer(bootstrap: str) -> AsyncIterator[KafkaChangeProducer]:
    async with closed_after(KafkaChangeProducer(connect(bootstrap))) as port:
        yield port


async def test_an_unknown_outcome_is_retryable_and_the_client_is_not_used_again(
    broker: SandboxProcess, bootstrap: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """Frozen beyond the deadline: it is said in time; sent again, everything is there in order."""
    topic = f"{topic_prefix}model"
    create_topic(bootstrap, topic)
    assert (await producer.send(topic, changes(5), epoch=1)).offsets == {0: range(5)}
    before = producer._owned._client

    with _frozen(broker):
        began = time.monotonic()
        with pytest.raises(RetryableError, match=f"did not answer while writing to {topic}"):
            await producer.send(topic, changes(5), epoch=1)
        assert time.monotonic() - began < 5
        assert producer._owned._client is None

    # What was sent while it was frozen may be there or not; what is acknowledged is.
    found = (await producer.send(topic, changes(5), epoch=1)).offsets
    assert producer._owned._client is not before
    [log] = records(bootstrap, topic)
    assert [b"key-%d" % n for n in range(5)] == keys(log)[found[0].start : found[0].stop]
    assert len(found[0]) == 5


async def test_a_ledger_that_is_not_sure_says_so(
    broker: SandboxProcess, bootstrap: str, topic_prefix: str
) -> None:
    """The poller must read the ledger again before it believes anything."""
    topic = f"{topic_prefix}ledger"
    create_topic(bootstrap, topic)
    async with closed_after(KafkaLedger(connect(bootstrap), topic)) as ledger:
        await ledger.append(COMMIT)
        with _frozen(broker), pytest.raises(RetryableError):
            await ledger.append(COMMIT)
        with _frozen(broker), pytest.raises(RetryableError):
            [_ async for _ in ledger.read(0)]

        found = [record.entry async for records_ in ledger.read(0) for record in records_]
        assert {COMMIT} == set(found)


async def test_closing_does_not_wait_for_a_frozen_broker(
    broker: SandboxProcess, bootstrap: str, topic_prefix: str
) -> None:
    """A worker that is asked to stop is out in time, whatever Kafka does."""
    topic = f"{topic_prefix}model"
    create_topic(bootstrap, topic)
    producer = KafkaChangeProducer(connect(bootstrap))
    await producer.send(topic, changes(1), epoch=1)
    log, admin = KafkaModelLog(connect(bootstrap)), KafkaAdmin(connect(bootstrap))
    await log.end_offsets(topic)
    await admin.topics()

    with _frozen(broker):
        for port in (producer, log, admin):
            began = time.monotonic()
            await port.close()
            assert time.monotonic() - began < 3


async def test_a_member_leaves_a_frozen_broker_within_seconds(
    broker: SandboxProcess, bootstrap: str, topic_prefix: str
) -> None:
    """close() gives up on the goodbye."""
    members = Members(bootstrap, broker.ready["kind"], topic_prefix)
    create_topic(bootstrap, members.topic)
    async with closed_after(KafkaChangeProducer(connect(bootstrap))) as producer:
        await producer.send(members.topic, changes(3), epoch=1)
    member = members.join()
    await events_until(member, messages(3))

    with _frozen(broker):
        began = time.monotonic()
        await member.close()
        assert time.monotonic() - began < 10


async def test_a_member_goes_on_when_the_broker_is_back(
    tmp_path: Path, kafka_kind: str, topic_prefix: str
) -> None:
    """Killed and started again on its port: the same member reads on, nothing twice."""
    if kafka_kind != "apache":
        pytest.skip("needs Apache Kafka on this machine, to kill it")
    first = start_broker(tmp_path, "--kind", "apache")
    bootstrap = first.ready["bootstrap"]
    async with closed_after(Members(bootstrap, "apache", topic_prefix)) as members:
        create_topic(bootstrap, members.topic)
        async with closed_after(KafkaChangeProducer(connect(bootstrap))) as producer:
            await producer.send(members.topic, changes(3), epoch=1)
        [zero] = members.partitions(1)
        member = members.join()
        await events_until(member, messages(3))
        os.kill(int(first.ready["pid"]), signal.SIGKILL)
        assert await member.poll(2.0) == []

        port = bootstrap.rpartition(":")[2]
        again = await asyncio.to_thread(start_broker, tmp_path, "--kind", "apache", "--port", port)
        try:
            async with closed_after(KafkaChangeProducer(connect(bootstrap))) as producer:
                await producer.send(members.topic, changes(3), epoch=1)
            events = await events_until(member, messages(3), seconds=30)
            assert {zero: [3, 4, 5]} == offsets(events)
            await member.commit({zero: 6})
            await members.close()
        finally:
            again.stop()
            first.stop()


async def test_an_outage_leaves_no_threads_and_no_sockets(
    topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again for days, a broker that is not there costs nothing that stays."""
    monkeypatch.setattr("connectors.kafka.connection.CONNECT_TIMEOUT_MS", 400)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        nowhere = f"127.0.0.1:{silent.getsockname()[1]}"
        async with closed_after(Members(nowhere, "apache", topic_prefix)) as members:
            left: list[tuple[list[str], int]] = []
            for _ in range(2):
                for port in (KafkaAdmin(connect(nowhere)), KafkaChangeProducer(connect(nowhere))):
                    with pytest.raises(RetryableError):
                        await _ask(port)
                    await port.close()
                member = members.join()
                with pytest.raises(RetryableError):
                    await events_until(member, lambda _: False)
                await member.close()
                gc.collect()
                left.append((_threads(), _sockets()))
            assert left[0] == left[1]


async def _ask(port: KafkaAdmin | KafkaChangeProducer) -> None:
    if isinstance(port, KafkaAdmin):
        await port.topics()
    else:
        await port.send("nowhere", changes(1), epoch=1)


def _threads() -> list[str]:
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("kafka-io"))


def _sockets() -> int:
    links = Path("/proc/self/fd").iterdir()
    return sum(str(link.readlink()).startswith("socket:") for link in links if link.is_symlink())


@contextmanager
def _frozen(broker: SandboxProcess) -> Iterator[None]:
    """The broker keeps its connections and answers nothing."""
    pid = int(broker.ready["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
