"""KafkaModelLog and LogReader on a broker: a model's topic, read once to the end it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka import TopicPartition as Partition

from connectors.errors import ConfigurationError, ConnectorError
from connectors.kafka.log import KafkaModelLog
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import LoggedRow
from tests.closing import closed_after
from tests.kafka_records import change, changes, connect, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
}


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[KafkaChangeProducer]:
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as port:
        yield port


@pytest.fixture
async def log(kafka_bootstrap: str) -> AsyncIterator[KafkaModelLog]:
    async with closed_after(KafkaModelLog(connect(kafka_bootstrap))) as port:
        yield port


async def test_every_row_and_the_offsets_after_it(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """Rows carry key and hash; the last offsets are the ends that end_offsets tells."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=2)
    await producer.send(topic, changes(21), epoch=1)

    rows, offsets = await _read(log, topic, {})

    assert {(b"key-%d" % n, b"hash-%d" % n) for n in range(21)} == {
        (r.key, r.row_hash) for r in rows
    }
    assert {0: 11, 1: 10} == offsets == await log.end_offsets(topic)


async def test_an_empty_topic_is_at_its_end(
    kafka_bootstrap: str, log: KafkaModelLog, topic_prefix: str
) -> None:
    """The first start of a model reads nothing and goes on."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=2)

    assert ([], {0: 0, 1: 0}) == await _read(log, topic, {})


async def test_reading_goes_on_from_the_offsets_given(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """An index that is true up to some offsets reads the rest only, twice in one process too."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=2)
    await producer.send(topic, changes(10), epoch=1)
    _, known = await _read(log, topic, {})
    await producer.send(topic, [change(20), change(21), change(22)], epoch=1)

    rows, offsets = await _read(log, topic, known)

    assert {b"key-20", b"key-21", b"key-22"} == {row.key for row in rows}
    assert {0: 7, 1: 6} == offsets
    assert [] == (await _read(log, topic, offsets))[0]


async def test_a_deleted_key_has_no_hash(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """A row, the delete record that still says who it was, and a tombstone are told apart."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)
    sent = [change(1), change(1)._replace(op="delete", value=b"who"), change(1, value=None)]
    await producer.send(topic, sent, epoch=7)

    rows, _ = await _read(log, topic, {})

    at_ns = change(1).changed_at_ns
    assert rows == [
        LoggedRow(b"key-1", 0, 7, at_ns, b"hash-1", b"row"),
        LoggedRow(b"key-1", 0, 7, at_ns, None, b"who"),
        LoggedRow(b"key-1", 0, 7, at_ns, None, None),
    ]


async def test_each_record_tells_its_partition_epoch_and_time(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """Two pollers wrote, the replaced one last: the lower epoch stands behind the higher one."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, partitions=3)
    for epoch in (11, 12, 11):
        await producer.send(topic, changes(6), epoch=epoch)

    rows, _ = await _read(log, topic, {})

    for number in range(3):
        found = [(r.epoch, r.key, r.changed_at_ns) for r in rows if r.partition == number]
        ours = [change(n) for n in (number, number + 3)]
        assert [(e, c.key, c.changed_at_ns) for e in (11, 12, 11) for c in ours] == found


async def test_a_record_of_somebody_else_has_no_epoch(
    kafka_bootstrap: str, log: KafkaModelLog, topic_prefix: str
) -> None:
    """Without any of our headers it is read all the same."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)
    with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as other:
        other.send(topic, key=b"theirs", value=b"x").get(timeout=10)

    assert [LoggedRow(b"theirs", 0, None, 0, b"", b"x")] == (await _read(log, topic, {}))[0]


async def test_the_end_is_the_end_as_it_was(
    kafka_bootstrap: str,
    producer: KafkaChangeProducer,
    log: KafkaModelLog,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A topic that grows while it is read does not keep the reader for ever."""
    monkeypatch.setattr("connectors.kafka.log.MAX_RECORDS", 10)
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)
    await producer.send(topic, changes(50), epoch=1)
    seen: list[int] = []
    async for _, offsets in log.read(topic, {}):
        await producer.send(topic, changes(20), epoch=1)
        seen.append(offsets[0])

    assert len(seen) <= 6
    assert 50 <= seen[-1] < 70


async def test_compaction_leaves_gaps_that_do_not_stop_the_reader(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """From the start of a compacted topic every key's newest row is read, up to the very end."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic, configs=COMPACTED)
    for _ in range(10):
        await producer.send(topic, changes(5), epoch=1)
    sent = 50
    while len(records(kafka_bootstrap, topic)[0]) > 7:
        # Only a closed segment is compacted, and only a later record closes one.
        await producer.send(topic, [change(9)], epoch=1)
        sent += 1
        assert sent < 500, "the broker does not compact"

    rows, offsets = await _read(log, topic, {0: 3})

    assert {b"key-%d" % n for n in (0, 1, 2, 3, 4, 9)} == {row.key for row in rows}
    assert {0: sent} == offsets


async def test_offsets_the_broker_dropped_are_read_from_what_is_left(
    kafka_bootstrap: str, producer: KafkaChangeProducer, log: KafkaModelLog, topic_prefix: str
) -> None:
    """A noted offset below the start of the log is no failure: the rest is read."""
    topic = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, topic)
    await producer.send(topic, changes(5), epoch=1)
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        admin.delete_records({Partition(topic, 0): 4})

    rows, offsets = await _read(log, topic, {0: 2})

    assert {b"key-4"} == {row.key for row in rows}
    assert {0: 5} == offsets


async def test_a_missing_topic_is_said(log: KafkaModelLog, topic_prefix: str) -> None:
    """ConfigurationError that names the topic's job, and no topic appears."""
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="does not exist"):
            await log.end_offsets(f"{topic_prefix}nowhere")
    with pytest.raises(ConnectorError):
        await _read(log, f"{topic_prefix}nowhere", {})


async def _read(
    log: KafkaModelLog, topic: str, start: Mapping[int, int]
) -> tuple[list[LoggedRow], Mapping[int, int]]:
    found: list[LoggedRow] = []
    offsets: Mapping[int, int] = {}
    async for rows, offsets in log.read(topic, start):  # noqa: B007  # the last ones are wanted
        found += rows
    return found, offsets
