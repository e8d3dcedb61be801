"""KafkaGroupConsumer with others in its group: partitions move and nothing is read twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future

import pytest

from connectors.kafka.consumer import KafkaGroupConsumer
from connectors.kafka.producer import KafkaChangeProducer
from connectors.ports import Assigned
from connectors.records import Partition
from tests.closing import closed_after
from tests.group_members import Events, Members, assigned, events_until, messages, offsets, revoked
from tests.kafka_records import changes, connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka


@pytest.fixture
async def members(
    kafka_bootstrap: str, kafka_kind: str, topic_prefix: str
) -> AsyncIterator[Members]:
    """Members of a group on a topic with four partitions, ten changes in each."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in does not hand partitions over as Kafka does")
    async with closed_after(Members(kafka_bootstrap, kafka_kind, topic_prefix)) as made:
        create_topic(kafka_bootstrap, made.topic, partitions=4)
        async with closed_after(KafkaChangeProducer(connect(kafka_bootstrap))) as producer:
            await producer.send(made.topic, changes(40), epoch=1)
        yield made


async def test_a_revocation_waits_for_the_release_and_commits_what_it_says(
    members: Members,
) -> None:
    """The new owner starts exactly where the old one says it stopped; kept partitions stay."""
    first = members.join()
    await events_until(first, messages(40))
    second = members.join()

    events = await events_until(first, lambda e: bool(revoked(e)))
    [gone] = revoked(events)
    assert len(gone.partitions) == 2
    assert not gone.lost
    assert await _quiet(second), "the partitions moved before they were released"
    first.release(dict.fromkeys(gone.partitions, 7))

    later = asyncio.create_task(events_until(first, lambda _: False, seconds=1))
    taken = await events_until(second, messages(6))
    [new] = assigned(taken)
    assert new == Assigned(dict.fromkeys(gone.partitions, 7), dict.fromkeys(gone.partitions, 10), 4)
    assert {p: [7, 8, 9] for p in gone.partitions} == offsets(taken)
    with pytest.raises(AssertionError, match=r"\[\]$"):
        await later  # the one that kept two partitions was told nothing more


async def test_a_release_never_commits_partitions_that_stay(members: Members) -> None:
    """An answer that names more than was asked for moves nothing of the kept ones."""
    first = members.join()
    await events_until(first, messages(40))
    second = members.join()
    [gone] = revoked(await events_until(first, lambda e: bool(revoked(e))))

    first.release(dict.fromkeys(members.partitions(4), 7))
    await events_until(second, messages(6))

    left = dict.fromkeys(members.partitions(4), 10) | dict.fromkeys(gone.partitions, 3)
    assert left == (await first.lag()).rows


async def test_a_worker_that_never_releases_does_not_hold_the_group_up(members: Members) -> None:
    """After `release_seconds` the partitions go, uncommitted: they are read again, not lost."""
    first = members.join(release_seconds=1.0)
    await events_until(first, messages(40))
    second = members.join()
    [gone] = revoked(await events_until(first, lambda e: bool(revoked(e))))

    began = time.monotonic()
    taken = await events_until(second, messages(20))

    assert time.monotonic() - began < 8
    assert {p: list(range(10)) for p in gone.partitions} == offsets(taken)


async def test_the_partitions_of_a_member_that_left_come_back(members: Members) -> None:
    """One leaves in order: the other owns all four within seconds, from the commits on."""
    first, second = members.join(), members.join()
    owned = await _settle(first, second)
    await first.commit(dict.fromkeys(owned[0], 10))
    await first.close()

    events = await events_until(second, lambda e: bool(assigned(e)))

    assert dict.fromkeys(owned[0], 10) == assigned(events)[-1].starts


async def test_the_partitions_of_a_silent_member_come_back(members: Members) -> None:
    """One falls silent: after its session the other owns all four; the silent one learns it."""
    first = members.join(session_timeout_ms=6_000, max_poll_interval_ms=2_500)
    second = members.join()
    owned = await _settle(first, second)
    _freeze(first, seconds=8)

    events = await events_until(second, lambda e: bool(assigned(e)))
    assert set(owned[0]) == set(assigned(events)[-1].starts)
    told = await events_until(first, lambda e: bool(revoked(e)))
    assert {partition for event in revoked(told) for partition in event.partitions} == owned[0]


async def _settle(
    first: KafkaGroupConsumer, second: KafkaGroupConsumer
) -> tuple[set[Partition], set[Partition]]:
    """Let both find two partitions each; whoever must give back does so at once."""
    owned: tuple[set[Partition], set[Partition]] = (set(), set())
    seen: tuple[Events, Events] = ([], [])
    end = time.monotonic() + 20
    while [len(mine) for mine in owned] != [2, 2]:
        assert time.monotonic() < end, f"no balance: {owned}"
        for mine, events, member in zip(owned, seen, (first, second), strict=True):
            events[:] = await member.poll(0.1)
            for event in events:
                if isinstance(event, Assigned):
                    mine.update(event.starts)
            for gone in revoked(events):
                mine.difference_update(gone.partitions)
                member.release({})
    return owned


async def _quiet(member: KafkaGroupConsumer) -> bool:
    return not offsets(await member.poll(1.0))


def _freeze(member: KafkaGroupConsumer, seconds: float) -> None:
    """Make the owner thread busy with one command, as a stuck process is."""
    member._commands.put((lambda _: time.sleep(seconds), Future()))  # noqa: TID251  # a real silence
