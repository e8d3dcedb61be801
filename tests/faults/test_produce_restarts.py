"""The broker dies again and again while rows are published: each key's versions stay in order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from itertools import groupby

import pytest

from connectors.errors import RetryableError
from connectors.kafka.producer import KafkaChangeProducer
from connectors.records import Change
from tests.closing import closed_after
from tests.faults.conftest import Broker
from tests.kafka_records import connect, records
from tests.topics import create_topic

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]

KEYS = 200
RESTARTS = 8
TOPIC = "restarts"


def page(version: int) -> list[Change]:
    """One version of every key."""
    return [
        Change(b"k%d" % key, b"%d" % version, key, b"%d" % version, version) for key in range(KEYS)
    ]


async def publish(producer: KafkaChangeProducer, over: asyncio.Event) -> int:
    """Send one page after the other, each until it is acknowledged; return how many."""
    version = 0
    while not over.is_set():
        version += 1
        while True:
            try:
                await producer.send(TOPIC, page(version), epoch=1)
            except RetryableError:
                continue  # nobody knows what arrived: the page again, with a new client
            break
    return version


async def test_restarts_lose_nothing_and_turn_nothing_round(broker: Broker) -> None:
    """Killed 8 times under load: every version is there, and none stands behind a newer one."""
    create_topic(broker.bootstrap, TOPIC, 3)
    over = asyncio.Event()
    async with closed_after(KafkaChangeProducer(connect(broker.bootstrap))) as producer:
        publishing = asyncio.create_task(publish(producer, over))
        for _ in range(RESTARTS):
            await asyncio.sleep(1.0)  # noqa: TID251  # it is under load for so long
            os.kill(broker.pid, signal.SIGKILL)
            await asyncio.to_thread(broker.process.stop)
            await asyncio.to_thread(broker.start_again)
        over.set()
        sent = await publishing
    gc.collect()  # kafka-python leaves sockets of a broker that was away to the collector

    found = [one for partition in records(broker.bootstrap, TOPIC, 3) for one in partition]
    for _, mine in groupby(sorted(found, key=lambda r: r.key), key=lambda r: r.key):
        versions = [int(record.value) for record in mine]
        assert sorted(versions) == versions
        assert set(range(1, sent + 1)) == set(versions)
