"""Committed offsets follow outcomes; a partition that leaves takes nothing unfinished along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.errors import RetryableError
from connectors.ports import Assigned, Messages, Revoked
from connectors.records import Delivered, Item, Outcome
from tests.fakes import P0, P1, message, turns, versions
from tests.unit.stages.desk import Desk
from worker.rules.intake import InFlightPolicy
from worker.rules.rate_limit import RatePolicy
from worker.stages.consume import ConsumePolicy

DOWN = RetryableError("down", kind="kafka")
REVOKED = Revoked(frozenset({P0}), lost=False)


def policy(rows: int = 3, slack: int = 2) -> ConsumePolicy:
    return ConsumePolicy(
        InFlightPolicy(rows, slack),
        commit_seconds=0.0,
        lag_seconds=0.0,
        release_seconds=5.0,
    )


def sent(desk: Desk) -> list[str]:
    return [name for items in desk.destination.calls for name in versions(items)]


async def test_commits_follow_outcomes_and_never_lead() -> None:
    """While A's answer is out its offset stays, though B and C behind it are done."""
    desk = Desk(consume=policy())
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("B", 1, 1), message("C", 1, 2))
        desk.destination.let_through(1)
        await desk.round()
        assert {P0: 0} == desk.committed
        desk.destination.let_through(0)
        await desk.round()
        await desk.round()

    assert {P0: 3} == desk.committed


async def test_a_gap_in_the_offsets_is_no_gap_in_the_commit() -> None:
    """After 5, 6 and 9 (7 and 8 were compacted away) the next offset to read is 10."""
    desk = Desk(consume=policy())
    async with desk.running():
        await desk.take(P0, 5, 5)
        await desk.read(message("A", 1, 5), message("B", 1, 6), message("C", 1, 9))
        await desk.round()

    assert {P0: 10} == desk.committed


async def test_a_process_sends_at_the_share_of_the_partitions_it_has() -> None:
    """Two of eight, then one: a quarter of the rate, then an eighth; others have the rest."""
    desk = Desk(consume=policy(), rate=RatePolicy(8.0, share=1.0))
    async with desk.running():
        desk.consumer.tick(Assigned({P0: 0, P1: 0}, {P0: 0, P1: 0}, topic_partitions=8))
        await turns()
        assert 2.0 == desk.meter.rate_now()
        desk.consumer.tick(REVOKED)
        await turns()

    assert 1.0 == desk.meter.rate_now()


async def test_a_failed_commit_is_made_up_for() -> None:
    """The group hears the offset with the next commit; nothing stops for it."""
    desk = Desk(consume=policy())
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.commit_failure = DOWN
        await desk.read(message("A", 1, 0))
        await desk.round()
        assert {P0: 0} == desk.committed
        desk.consumer.commit_failure = None
        await desk.round()

    assert {P0: 1} == desk.committed
    assert 1 == len(desk.consumers)
    assert "kafka" in desk.meter.errors


async def test_after_an_assignment_rows_in_doubt_are_held() -> None:
    """A1 B1 A2 may have been sent before the crash: A2 and B1 alone go out now."""
    desk = Desk(consume=policy(rows=10))
    async with desk.running():
        await desk.take(P0, 0, 3)
        await desk.read(message("A", 1, 0), message("B", 1, 1))
        assert [] == sent(desk)
        await desk.read(message("A", 2, 2))
        await desk.round()

    assert ["A2", "B1"] == sent(desk)
    assert {P0: 3} == desk.committed


async def test_a_hold_ends_after_the_window_that_was_in_flight() -> None:
    """A long backlog is not read whole before anything is sent."""
    desk = Desk(consume=policy(rows=3, slack=2))
    async with desk.running():
        await desk.take(P0, 0, 1_000)
        for offset in range(4):
            await desk.read(message(f"u{offset}", 1, offset))
        assert ([], frozenset()) == (sent(desk), desk.consumer.paused)
        await desk.read(message("u4", 1, 4))
        await turns()

    assert 5 == len(sent(desk))


async def test_a_full_partition_is_paused_and_resumed() -> None:
    """Back-pressure: no more than the policy says is in flight; the group never notices."""
    desk = Desk(consume=policy(rows=3))
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.take(P1, 0, 0)
        await desk.read(*(message(f"u{i}", 1, i) for i in range(3)))
        await desk.round()
        assert (frozenset({P0}), 3) == (desk.consumer.paused, desk.meter.flying())
        desk.destination.let_through()
        await desk.round()
        await desk.round()

    assert (frozenset(), 0) == (desk.consumer.paused, desk.meter.flying())


async def test_a_revoked_partition_commits_what_is_acked_and_sends_nothing_more() -> None:
    """The answer that came in time is committed; the row that waits is the next owner's."""
    desk = Desk(consume=policy(), max_calls=1)
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("B", 1, 1))
        desk.consumer.tick(REVOKED)
        await turns()
        assert [] == desk.consumer.released
        desk.destination.let_through()
        await desk.round()

    assert [{P0: 1}] == desk.consumer.released
    assert ["A1"] == sent(desk)
    assert {"consumed": 2, "delivered": 1, "given_back": 1} == desk.meter.rows


async def test_a_lost_partition_is_not_released() -> None:
    """Others own it already: no commit, no waiting, nothing more of it."""
    desk = Desk(consume=policy())
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        desk.consumer.tick(Revoked(frozenset({P0}), lost=True))
        await turns()
        desk.destination.let_through(lost=DOWN)
        await desk.round()
        await desk.round()

    assert ([], {P0: 0}) == (desk.consumer.released, desk.committed)
    assert ["A1"] == sent(desk)


async def test_messages_that_arrive_after_the_revocation_are_dropped() -> None:
    """They are neither counted nor sent: their next owner reads them."""
    desk = Desk(consume=policy())
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.tick(REVOKED, Messages(P0, [message("A", 1, 0)]))
        await desk.round()

    assert ([], {}) == (sent(desk), desk.meter.rows)


async def test_a_failed_consumer_is_replaced_and_its_rows_given_back() -> None:
    """The old one leaves the group; the new one starts at what was committed."""
    desk = Desk(consume=policy(), max_calls=1)
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        await desk.read(message("B", 1, 1))
        desk.consumer.failure = DOWN
        await desk.round()
        assert (2, True) == (len(desk.consumers), desk.consumers[0].closed)
        desk.destination.let_through()
        await desk.take(P0, 0, 2)
        await desk.read(message("A", 1, 0), message("B", 1, 1))
        while desk.destination.out:
            desk.destination.let_through()
            await desk.round()

    assert {P0: 2} == desk.committed


async def test_stop_drains_commits_and_leaves_the_group() -> None:
    """SIGTERM: the answer of a call that is out is waited for and committed."""
    desk = Desk(consume=policy())
    desk.destination.hold = True
    async with desk.sending():
        running = asyncio.create_task(desk.consume.run())
        await turns()
        await desk.take(P0, 0, 0)
        await desk.read(message("A", 1, 0))
        desk.clock.stop()
        desk.consumer.tick()
        await turns()
        assert not running.done()
        desk.destination.let_through()
        await running

    assert ({P0: 1}, True) == (desk.committed, desk.consumer.closed)
    assert 0 == desk.consume.in_flight


async def test_idle_means_read_to_the_end_and_nothing_in_flight() -> None:
    """Not before the group gave us partitions, not while the log has more, not while rows fly."""
    desk = Desk(consume=policy())
    desk.destination.hold = True
    async with desk.running():
        assert not desk.consume.idle
        await desk.take(P0, 0, 0)
        desk.consumer.behind = 1
        await desk.read(message("A", 1, 0))
        assert not desk.consume.idle
        desk.destination.let_through()
        await desk.round()
        desk.consumer.behind = 0
        await desk.round()
        assert desk.consume.idle


async def test_the_books_balance_at_every_moment() -> None:
    """Consumed = outcomes + in flight, looked at from inside every call."""
    desk = Desk(consume=policy())
    books: list[tuple[int, int]] = []

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        books.append((desk.meter.rows["consumed"], desk.meter.settled + desk.consume.in_flight))
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    async with desk.running():
        await desk.take(P0, 0, 0)
        for offset in range(30):
            kind = ("good", "deleted", "undecodable")[offset % 3]
            await desk.read(message(f"u{offset % 4}", offset, offset, kind=kind))

    assert 10 == len(books)
    assert all(consumed == known for consumed, known in books)
