"""KafkaChangeProducer when a topic does not take a record: it is told, and nothing else suffers."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import Sent
from connectors.records import Change
from tests.closing import closed_after
from tests.kafka_records import change, changes, connect, keys, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

LIMITS = pytest.mark.parametrize("limit", [100_000, 1_000_000], ids=["100 KB", "1 MB"])


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[KafkaChangeProducer]:
    async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as port:
        yield port


@pytest.fixture
def topic(kafka_bootstrap: str, topic_prefix: str, request: pytest.FixtureRequest) -> str:
    """Three partitions that take records up to the test's `limit`."""
    limit = request.getfixturevalue("limit")
    name = f"{topic_prefix}model"
    create_topic(kafka_bootstrap, name, 3, {"max.message.bytes": str(limit)})
    return name


@LIMITS
@pytest.mark.parametrize(
    "large",
    [
        pytest.param({150}, id="one"),
        pytest.param({0, 1, 2}, id="the first of each partition"),
        pytest.param({297, 298, 299}, id="the last of each partition"),
        pytest.param({30, 33, 36, 39, 42}, id="several in one batch"),
        pytest.param({7, 44, 45, 131, 200, 260}, id="here and there"),
    ],
)
async def test_good_changes_are_all_there_and_large_ones_are_told(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic: str, limit: int, large: set[int]
) -> None:
    """Exactly those; the others lie in their partitions in the order given."""
    sent = await producer.send(topic, mixed(300, large, limit), epoch=1)

    assert large == sent.too_large
    assert [n % 3 for n in range(300)] == sent.partitions
    for number, log in enumerate(records(kafka_bootstrap, topic, 3)):
        assert good(300, large, number) == newest(log)
        if number in sent.offsets:
            offsets = sent.offsets[number]
            assert good(300, large, number) == keys(log)[offsets.start : offsets.stop]


@LIMITS
async def test_the_producer_works_afterwards(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic: str, limit: int
) -> None:
    """Also when nothing but the large one was sent, and when it comes again."""
    for _ in range(2):
        assert Sent([0], {}, frozenset({0})) == await producer.send(
            topic, mixed(1, {0}, limit), epoch=1
        )
    sent = await producer.send(topic, changes(30), epoch=1)

    assert Sent([n % 3 for n in range(30)], {n: range(10) for n in range(3)}) == sent
    assert 30 == sum(map(len, records(kafka_bootstrap, topic, 3)))


@LIMITS
async def test_a_long_chunk_costs_a_few_more_calls_not_one_for_each_change(
    producer: KafkaChangeProducer,
    topic: str,
    limit: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever was to follow a refused record fails with it: thousands are not tried alone."""
    calls: list[int] = []
    send = producer._send

    async def counted(name: str, given: Sequence[Change], epoch: int) -> Sent:
        calls.append(len(given))
        return await send(name, given, epoch)

    monkeypatch.setattr(producer, "_send", counted)
    large = {n * 499 for n in range(1, 9)}
    sent = await producer.send(topic, mixed(4_000, large, limit), epoch=1)

    assert large == sent.too_large
    assert len(calls) <= len(large) + 4, calls


@LIMITS
async def test_a_record_that_fits_once_it_is_compressed_is_not_too_large(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic: str, limit: int
) -> None:
    """Three times the limit, all the same byte: it is taken, the one beside it is not."""
    long = change(3, b"x" * 3 * limit)
    sent = await producer.send(topic, [change(0), long, *mixed(1, {0}, limit)], epoch=1)

    assert {2} == sent.too_large
    assert [b"key-0", b"key-3"] == newest(records(kafka_bootstrap, topic, 3)[0])


@LIMITS
async def test_a_delete_stays_before_its_tombstone(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic: str, limit: int
) -> None:
    """Two records of one key in a chunk with a large one: the tombstone is the last word."""
    farewell = [change(n, value) for n in (6, 9) for value in (b"who", None)]
    sent = await producer.send(topic, [*mixed(1, {0}, limit), *farewell], epoch=1)

    assert {0} == sent.too_large
    last = {record.key: record.value for record in records(kafka_bootstrap, topic, 3)[0]}
    assert {b"key-6": None, b"key-9": None} == last


@pytest.mark.parametrize("limit", [1_000], ids=["1 KB"])
async def test_a_topic_that_takes_next_to_nothing_is_a_persons_job(
    producer: KafkaChangeProducer, topic: str, limit: int
) -> None:
    """The rows are not at fault: none of them is given up, and the sentence says what to set."""
    for rows, large in ((200, range(0, 200, 2)), (11, range(11))):
        with pytest.raises(ConfigurationError, match=f"than {topic} takes: raise its max") as error:
            await producer.send(topic, mixed(rows, large, limit), epoch=1)
        assert "topic_settings" == error.value.kind

    assert set(range(10)) == (await producer.send(topic, mixed(10, range(10), limit), 1)).too_large


async def test_a_record_larger_than_a_whole_segment_is_told_too(
    kafka_bootstrap: str, kafka_kind: str, producer: KafkaChangeProducer, topic_prefix: str
) -> None:
    """The broker has another word for it when max.message.bytes would let it pass."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in has no segments")
    topic = f"{topic_prefix}model"
    segment = 1_048_576
    limits = {"max.message.bytes": "4000000", "segment.bytes": str(segment)}
    create_topic(kafka_bootstrap, topic, 3, limits)

    sent = await producer.send(topic, mixed(9, {4}, segment), epoch=1)

    assert {4} == sent.too_large
    assert [b"key-1", b"key-7"] == newest(records(kafka_bootstrap, topic, 3)[1])


@pytest.mark.parametrize("limit", [8_000_000], ids=["8 MB"])
async def test_a_record_above_the_clients_own_limit_is_told_too(
    kafka_bootstrap: str, producer: KafkaChangeProducer, topic: str, limit: int
) -> None:
    """However much the topic would take."""
    sent = await producer.send(topic, mixed(3, {1}, limit), epoch=1)

    assert {1} == sent.too_large
    assert [[b"key-0"], [], [b"key-2"]] == [
        newest(log) for log in records(kafka_bootstrap, topic, 3)
    ]


def mixed(count: int, large: Collection[int], limit: int) -> list[Change]:
    """Changes 0, 1, 2, ...; the large ones hold noise, which no compression makes smaller."""
    dice = random.Random(count)
    return [change(n, dice.randbytes(limit + 1_000 if n in large else 500)) for n in range(count)]


def good(count: int, large: Collection[int], partition: int) -> list[bytes]:
    return [b"key-%d" % n for n in range(partition, count, 3) if n not in large]


def newest(log: Sequence[Any]) -> list[bytes]:
    """The keys of a partition in the order of their newest records."""
    return list(dict.fromkeys(reversed(keys(log))))[::-1]
