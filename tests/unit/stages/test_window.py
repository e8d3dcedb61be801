"""After a crash no profile goes back: what may be read again is never more than a hold covers."""

from __future__ import annotations

from connectors.errors import RetryableError
from tests.fakes import P0, message, versions
from tests.unit.stages.desk import Desk
from worker.rules.batching import BatchPolicy
from worker.rules.intake import InFlightPolicy
from worker.stages.consume import ConsumePolicy

POLICY = ConsumePolicy(InFlightPolicy(3, 2), commit_seconds=0.0)


async def test_a_stuck_call_stops_its_partition_within_the_window() -> None:
    """X is tried for ever: rows behind it go on for one window, not without end."""
    desk = Desk(consume=POLICY, batch=BatchPolicy(max_rows=1, linger_seconds=0.0))
    desk.destination.hold = True
    async with desk.running():
        await desk.take(P0, 0, 0)
        await desk.read(*(message(f"u{i}", 1, i) for i in range(12)))
        for _ in range(20):
            if len(desk.destination.out) > 1:
                desk.destination.let_through(1)
            await desk.round()
        sent = [name for items in desk.destination.calls for name in versions(items)]
        assert (frozenset({P0}), {P0: 0}) == (desk.consumer.paused, desk.committed)
        assert ["u01", "u11", "u21", "u31", "u41"] == sent
        desk.destination.hold = False
        desk.destination.let_through(0)
        for _ in range(12):
            await desk.round()

    assert {P0: 12} == desk.committed


async def test_a_failing_commit_stops_reading_within_the_window() -> None:
    """Delivered is not saved: what a crash reads again counts, not what is in flight."""
    desk = Desk(consume=POLICY, batch=BatchPolicy(max_rows=1, linger_seconds=0.0))
    async with desk.running():
        await desk.take(P0, 0, 0)
        desk.consumer.commit_failure = RetryableError("down", kind="kafka")
        for i in range(12):
            await desk.read(message(f"u{i}", 1, i))
        assert len(desk.destination.calls) <= 5
