"""KafkaChangeProducer when somebody else writes too: only offsets that are all ours are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer

from connectors.kafka.producer import KafkaChangeProducer, _Flight
from tests.closing import closed_after
from tests.kafka_records import changes, connect, keys, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


class Interrupted(_Flight):
    """Records under way; before the third of them something else happens."""

    def __init__(self, between: Callable[[], None]) -> None:
        super().__init__()
        self._between = between

    def add(self, index: int, future: Any, size: int) -> None:
        super().add(index, future, size)
        if index == 1:
            self._between()


@pytest.fixture
async def producer(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KafkaChangeProducer]:
    """Waits for the ack of each change before it sends the next one."""
    monkeypatch.setattr("connectors.kafka.producer.MAX_UNACKED_BYTES", 0)
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as port:
        yield port


async def test_a_partition_in_which_somebody_else_wrote_in_between_is_left_out(
    kafka_bootstrap: str,
    producer: KafkaChangeProducer,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Partition 0 holds ours, theirs, ours: the index must read it; partition 1 is ours alone."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=2)

    def write() -> None:
        with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as other:
            other.send(topic, key=b"theirs", value=b"x", partition=0).get(timeout=10)

    monkeypatch.setattr("connectors.kafka.producer._Flight", lambda: Interrupted(write))
    sent = await producer.send(topic, changes(4), epoch=1)

    assert {1: range(2)} == sent.offsets
    [found, _] = records(kafka_bootstrap, topic, 2)
    assert [b"key-0", b"theirs", b"key-2"] == keys(found)


async def test_what_somebody_else_wrote_before_is_no_reason(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """The range begins behind it, and is ours alone."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)
    with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as other:
        other.send(topic, key=b"theirs", value=b"x", partition=0).get(timeout=10)

    assert {0: range(1, 5)} == (await producer.send(topic, changes(4), epoch=1)).offsets
