"""Two pollers wrote into one partition: the row of the one that was replaced is never sent."""

from __future__ import annotations

from connectors.records import Message
from tests.fakes import message, turns, versions
from tests.unit.stages.desk import Desk


def written(epoch: int, identity: str, version: int, offset: int) -> Message:
    return message(identity, version, offset)._replace(headers=[("epoch", str(epoch).encode())])


def sent(desk: Desk) -> list[list[str]]:
    return [versions(items) for items in desk.destination.calls]


async def test_a_row_of_a_replaced_poller_is_skipped() -> None:
    """A1 lies behind A2 with a lower epoch: A keeps version 2, and the offset moves on."""
    desk = Desk()
    tracker = desk.assign()
    async with desk.sending():
        await desk.accept(tracker, written(4, "A", 2, 0))
        await turns()
        await desk.accept(tracker, written(3, "A", 1, 1), written(4, "B", 1, 2))
        await turns()

    assert [["A2"], ["B1"]] == sent(desk)
    assert 3 == tracker.committable
    assert ({"delivered": 2, "skipped": 1}, 1) == (
        desk.meter.rows,
        desk.meter.reasons["superseded"],
    )


async def test_it_does_not_take_the_place_of_a_newer_row_that_waits() -> None:
    """A2 is not sent yet when A1 comes: A2 goes out, not the last one read."""
    desk = Desk()
    tracker = desk.assign()
    await desk.accept(tracker, written(4, "A", 2, 0), written(3, "A", 1, 1))
    async with desk.sending():
        await turns()

    assert [["A2"]] == sent(desk)
    assert 2 == tracker.committable


async def test_a_partition_that_came_back_is_read_without_what_was_seen_before() -> None:
    """A replay begins where epochs were lower: all of it is delivered."""
    desk = Desk()
    before = desk.assign()
    async with desk.sending():
        await desk.accept(before, written(4, "A", 2, 5))
        await turns()
        after = desk.assign()
        await desk.accept(after, written(3, "B", 1, 0), written(4, "A", 2, 5))
        await turns()

    assert [["A2"], ["B1", "A2"]] == sent(desk)
