"""KafkaGroupConsumer alone in its group: where it starts, what it reads, how it stops."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.kafka.admin import KafkaAdmin
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import Assigned, GroupLag, Messages
from connectors.records import Message, Partition
from tests.closing import closed_after
from tests.group_members import Members, assigned, events_until, messages, offsets
from tests.kafka_records import change, changes, connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
async def members(
    kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> AsyncIterator[Members]:
    """Members of a group on a topic with two partitions, six changes in each."""
    async with closed_after(Members(kafka_bootstrap, kafka_kind, topic_prefix)) as made:
        create_topic(kafka_bootstrap, made.topic, partitions=2)
        await send(kafka_bootstrap, made.topic, 12)
        yield made


async def test_the_assignment_says_where_reading_starts_and_where_the_log_ends(
    members: Members,
) -> None:
    """Before the first message: without commits from the start, to the end as it is right now."""
    events = await events_until(members.join(), messages(12))

    zero, one = members.partitions(2)
    assert events[0] == Assigned({zero: 0, one: 0}, {zero: 6, one: 6}, 2)
    assert {zero: list(range(6)), one: list(range(6))} == offsets(events)


async def test_a_message_is_the_record_as_it_lies_in_the_topic(members: Members) -> None:
    """Key, value, headers and time; a tombstone has no value."""
    began_ms = time.time_ns() // 1_000_000
    await send(members._bootstrap, members.topic, 1)
    async with closed_after(KafkaChangeProducer(connect(members._bootstrap))) as producer:
        await producer.send(members.topic, [change(0, value=None)], epoch=3)

    events = await events_until(members.join(), messages(14))

    batches = [e for e in events if isinstance(e, Messages) and e.partition.number == 0]
    *_, row, tombstone = [message for batch in batches for message in batch.messages]
    assert (b"key-0", b"row", 6) == (row.key, row.value, row.offset)
    assert row.timestamp_ms >= began_ms
    assert isinstance(tombstone, Message)
    assert tombstone.value is None
    assert ("epoch", b"3") in tombstone.headers


async def test_a_group_goes_on_from_what_it_committed(members: Members) -> None:
    """An offset is the next one to read; a partition without a commit starts at its start."""
    zero, one = members.partitions(2)
    first = members.join()
    await events_until(first, messages(12))
    await first.commit({zero: 4})
    assert GroupLag({zero: 2, one: 6}) == await first.lag()
    await first.close()

    events = await events_until(members.join(), messages(8))

    assert {zero: 4, one: 0} == assigned(events)[0].starts
    assert {zero: [4, 5], one: list(range(6))} == offsets(events)


async def test_paused_partitions_are_not_read_until_they_are_resumed(members: Members) -> None:
    """Only what is named is paused; each call replaces the one before."""
    zero, one = members.partitions(2)
    member = members.join()
    await events_until(member, messages(12))

    member.pause(frozenset({zero}))
    await asyncio.to_thread(time.sleep, 0.3)  # noqa: TID251  # the owner thread makes its round
    await send(members._bootstrap, members.topic, 4)
    events = await events_until(member, messages(2))
    assert {one: [6, 7]} == offsets(events)
    assert await member.poll(0.5) == []

    member.pause(frozenset())
    assert {zero: [6, 7]} == offsets(await events_until(member, messages(2)))


async def test_a_full_pause_keeps_the_membership(members: Members, kafka_kind: str) -> None:
    """Paused for longer than max.poll.interval and the session: still a member, may commit."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in has its own idea of a session's end")
    zero, one = members.partitions(2)
    member = members.join(session_timeout_ms=1_500, max_poll_interval_ms=2_000)
    await events_until(member, messages(12))

    member.pause(frozenset({zero, one}))
    assert await member.poll(4.0) == []
    await member.commit({zero: 6, one: 6})

    member.pause(frozenset())
    await send(members._bootstrap, members.topic, 2)
    assert {zero: [6], one: [6]} == offsets(await events_until(member, messages(2)))


async def test_a_reader_that_does_not_ask_is_not_flooded(members: Members) -> None:
    """At most four events wait in memory; nothing is lost once they are asked for."""
    await send(members._bootstrap, members.topic, 400)
    member = members.join(max_poll_records=10)
    await events_until(member, lambda events: bool(assigned(events)))
    time.sleep(1.0)  # noqa: ASYNC251, TID251  # the loop is busy: time enough to flood it

    # One round may bring an event for each partition on top of the four.
    await asyncio.to_thread(time.sleep, 0.1)  # noqa: TID251
    assert 0 < member._events.qsize() <= 4 + 2
    events = await events_until(member, messages(100))
    assert all(o == list(range(o[0], o[0] + len(o))) for o in offsets(events).values())


async def test_closing_leaves_the_group_at_once(members: Members, kafka_bootstrap: str) -> None:
    """Nobody waits for the session of a process that stopped in order."""
    member = members.join(session_timeout_ms=30_000)
    await events_until(member, messages(12))
    async with closed_after(KafkaAdmin(connect(kafka_bootstrap))) as admin:
        assert (await admin.group(members.group, members.topic)).members == 1
        began = time.monotonic()
        await member.close()
        assert time.monotonic() - began < 3
        assert (await admin.group(members.group, members.topic)).members == 0

    with pytest.raises(RetryableError):  # and whoever still asks is not kept waiting
        await member.commit({Partition(members.topic, 0): 1})
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("listens", [False, True], ids=["closed port", "silent port"])
async def test_a_wrong_address_is_found_out_within_seconds(
    members: Members, monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    """RetryableError that names the address; the consumer is then closed at once."""
    monkeypatch.setattr("connectors.kafka.connection.CONNECT_TIMEOUT_MS", 1_500)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        member = members.join(bootstrap=address)

        with pytest.raises(RetryableError, match=f"Kafka at {address} did not answer"):
            await events_until(member, lambda _: False)
        await member.close()

        assert time.monotonic() - began < 10


async def test_an_option_kafka_does_not_know_is_the_configurations_fault(
    members: Members,
) -> None:
    """A typing error under kafka.security is said, not tried again for ever."""
    with pytest.raises(ConfigurationError, match=r"kafka\.security holds an option"):
        await events_until(members.join(sasl_machanism="PLAIN"), lambda _: False)


async def send(bootstrap: str, topic: str, count: int) -> None:
    """Write changes 0, 1, 2, ...; they take turns over the partitions."""
    async with closed_after(KafkaChangeProducer(connect(bootstrap))) as producer:
        await producer.send(topic, changes(count), epoch=1)
