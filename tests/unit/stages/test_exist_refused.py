"""A row whose identifier can't be looked up is rejected alone, and too many such rows stop all."""

from __future__ import annotations

from connectors.errors import RefusedError, RetryableError
from connectors.records import Rejected, RejectReason
from tests.fakes import turns
from tests.unit.stages.exist_desk import ExistDesk, FakeDirectory
from worker.rules.asking import AskingPolicy
from worker.rules.outcomes import DeadLetterLimit

ASK_EACH = AskingPolicy(exports=False)


class OddDirectory(FakeDirectory):
    """Refuses to look up some identifiers."""

    odd: frozenset[str] = frozenset()

    async def exists(self, identity: str) -> bool:
        if identity in self.odd:
            self.looked_up.append(identity)
            raise RefusedError(RejectReason.INVALID_IDENTITY, http_status=400)
        return await super().exists(identity)


def odd_desk(*odd: str, limit: DeadLetterLimit | None = None) -> tuple[ExistDesk, OddDirectory]:
    directory = OddDirectory("a", "b")
    directory.odd = frozenset(odd)
    return ExistDesk(directory, ASK_EACH, limit=limit), directory


async def test_a_row_that_cannot_be_looked_up_is_rejected_and_stops_no_other() -> None:
    """The dead letters hold it before it has its outcome; it is neither sent nor absent."""
    desk, _ = odd_desk("odd")
    for name in ("a", "odd", "b", "nobody"):
        desk.add(name)
    async with desk.running() as out:
        await desk.until(lambda: bool(len(out.sent) == 2 and out.gone and out.refused))

    verdict = Rejected(RejectReason.INVALID_IDENTITY, 400)
    assert ((["a", "b"], ["nobody"]), [verdict]) == (desk.names, [v for _, v in out.refused])
    [letter] = desk.dead_letters.letters
    assert (out.refused[0][0].message, 1) == (letter.message, letter.attempts)
    assert (RejectReason.INVALID_IDENTITY, 400) == (letter.reason, letter.http_status)
    assert {"found": 2, "absent": 1, "refused": 1} == desk.meter.look_ups


async def test_without_a_dead_letter_a_rejected_row_has_no_outcome() -> None:
    """Kafka is away: the row waits, and its newer version behind it."""
    desk, directory = odd_desk("odd")
    desk.dead_letters.failure = RetryableError("away", kind="network")
    desk.add("odd")
    async with desk.running() as out:
        await desk.until(lambda: desk.dead_letters.attempts > 2)
        desk.add("odd")
        await turns(30)
        assert ([], ["odd"]) == (out.refused, directory.looked_up)
        desk.dead_letters.failure = None
        await desk.until(lambda: len(out.refused) == 2)

    assert [0, 1] == [letter.message.offset for letter in desk.dead_letters.letters]


async def test_too_many_rows_that_cannot_be_looked_up_stop_the_sync_and_bury_nothing() -> None:
    """Then the fault is ours; the look-ups are repeated until they are answered."""
    limit = DeadLetterLimit(max_share=0.2, over_rows=100, from_rows=1)
    desk, directory = odd_desk("a", "b", limit=limit)
    for name in ("a", "b"):
        desk.add(name)
    async with desk.running() as out:
        await desk.until(lambda: len(directory.looked_up) > 3)
        assert ("stopped", []) == (desk.meter.states[-1][0], out.refused)
        directory.odd = frozenset()
        await desk.until(lambda: len(out.sent) == 2)

    assert ([], []) == (out.refused, desk.dead_letters.letters)
    assert 30.0 in desk.clock.slept
