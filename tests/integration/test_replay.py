"""`hightide replay` on a real group: shown first, then moved, never while somebody delivers."""

from __future__ import annotations

import asyncio
import time

import pytest

from connectors.errors import ConfigurationError
from connectors.ports import Assigned, ConsumerEvent, Messages
from connectors.records import Partition
from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Installation
from tests.kafka_records import changes
from worker.app.parts import Parts
from worker.config.document import ConfigError
from worker.operate.replay import Replay, replay

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]


async def test_a_replay_delivers_everything_again(installation: Installation) -> None:
    """Counted, moved to the start; the next deliver process begins there."""
    parts = await _delivered(installation)

    assert await replay(parts, SYNC, None, dry_run=False) == Replay(
        SYNC, {0: 0, 1: 0}, 20, moved=True
    )

    assert [0, 0] == sorted((await _start(parts)).values())


async def test_a_replay_from_a_time_moves_to_its_first_record(installation: Installation) -> None:
    """What came before stays delivered."""
    parts = await _delivered(installation)
    await asyncio.to_thread(time.sleep, 0.01)  # noqa: TID251  # records have milliseconds
    between_ms = time.time_ns() // 1_000_000
    await _publish(parts, 6)

    found = await replay(parts, SYNC, between_ms, dry_run=False)

    assert found == Replay(SYNC, {0: 10, 1: 10}, 6, moved=True)


async def test_a_dry_run_moves_nothing(installation: Installation) -> None:
    """It shows the offsets and how many records would be delivered again."""
    parts = await _delivered(installation)

    found = await replay(parts, SYNC, None, dry_run=True)

    assert found == Replay(SYNC, {0: 0, 1: 0}, 20, moved=False)
    assert [10, 10] == sorted((await _start(parts)).values())


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_sync_that_is_delivering_is_left_alone(
    installation: Installation, *, dry_run: bool
) -> None:
    """Its members would go on and commit over it: refused, with what to do."""
    parts = await _delivered(installation)
    async with closed_after(parts.consumer(SYNC, 1.0)) as member:
        while not [e for e in await member.poll(0.2) if isinstance(e, Assigned)]:
            pass
        with pytest.raises(ConfigurationError, match=r"1 deliver processes.*stop them first"):
            await replay(parts, SYNC, None, dry_run=dry_run)

    assert [10, 10] == sorted((await _start(parts)).values())


async def test_an_unknown_sync_is_named(installation: Installation) -> None:
    """With those there are."""
    with pytest.raises(ConfigError, match=f"no sync 'nothing'; there are: {SYNC}"):
        await replay(installation.parts(), "nothing", None, dry_run=True)


async def test_a_replay_before_the_first_run_says_what_is_missing(
    installation: Installation,
) -> None:
    """The topic is not there yet."""
    with pytest.raises(ConfigurationError, match="does not exist"):
        await replay(installation.parts(), SYNC, None, dry_run=True)


async def _delivered(installation: Installation) -> Parts:
    """Twenty changes in two partitions, all of them committed by the sync's group."""
    parts = installation.parts()
    await parts.prepare_topics()
    await _publish(parts, 20)
    async with closed_after(parts.consumer(SYNC, 1.0)) as member:
        events: list[ConsumerEvent] = []
        while sum(len(e.messages) for e in events if isinstance(e, Messages)) < 20:
            events += await member.poll(0.2)
        topic = parts.names.model(MODEL)
        await member.commit({Partition(topic, number): 10 for number in (0, 1)})
    return parts


async def _publish(parts: Parts, count: int) -> None:
    async with closed_after(parts.producer()) as producer:
        await producer.send(parts.names.model(MODEL), changes(count), epoch=1)


async def _start(parts: Parts) -> dict[int, int]:
    """Where a new deliver process begins to read."""
    starts: dict[int, int] = {}
    async with closed_after(parts.consumer(SYNC, 1.0)) as member:
        while len(starts) < 2:
            for event in await member.poll(0.2):
                if isinstance(event, Assigned):
                    starts |= {p.number: offset for p, offset in event.starts.items()}
    return starts
