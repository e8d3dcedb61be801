"""The world of random histories, with an Iterable that has a fate for each call and asks to wait.

fate of a call      what Iterable does                  what we see
cut after apply     applies it                          no answer
cut before apply    nothing                             no answer
429, 5xx            nothing                             an answer that says so
413, refused        nothing, for the whole batch        an answer that says so

row `patient`       Iterable asks to wait once
row `hopeless`      Iterable asks to wait each time
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from connectors.errors import RefusedError, RetryableError, ThrottledError, TooLargeError
from connectors.records import Item, Outcome, Postponed, RejectReason
from tests.fakes import kind_of, turns, version_of
from tests.unit.stages.world import PARTITIONS, Member, World

Fate = Literal["cut after apply", "cut before apply", "429", "5xx", "413", "refused"]
FATES: tuple[Fate, ...] = (
    "cut after apply",
    "cut before apply",
    "429",
    "5xx",
    "413",
    "refused",
)
PATIENT_KINDS = ("patient", "hopeless")
POSTPONED_SECONDS = 61.0


class DeliveryWorld(World):
    """A broker, two members and that Iterable."""

    def __init__(self) -> None:
        self.fates: list[Fate] = []
        self.asked: Counter[tuple[str, int]] = Counter()
        super().__init__()

    def arrive(self, member: Member, items: Sequence[Item]) -> Sequence[Outcome]:
        """Take a call in with the fate that waits for it, if one does."""
        fate = self.fates.pop() if self.fates else None
        match fate:
            case "cut before apply":
                raise RetryableError("no answer", kind="network")
            case "429":
                raise ThrottledError("slow down")
            case "5xx":
                raise RetryableError("broken", kind="server_error")
            # Of one row alone either of these is a verdict.
            case "413" if len(items) > 1:
                raise TooLargeError("too large")
            case "refused" if len(items) > 1:
                raise RefusedError(RejectReason.INVALID_DATA)
        outcomes = super().arrive(member, items)
        if fate == "cut after apply":
            raise RetryableError("no answer", kind="network")
        return outcomes

    def _apply(self, item: Item) -> Outcome:
        if kind_of(item) in PATIENT_KINDS:
            self.asked[item.identity, version_of(item)] += 1
            if kind_of(item) == "hopeless" or self.asked[item.identity, version_of(item)] == 1:
                return Postponed(RejectReason.UNKNOWN_USER, 200)
        return super()._apply(item)

    def let_time_pass(self, seconds: float) -> None:
        """Move the clock of each member on."""
        for member in self.members:
            member.desk.clock.seconds += seconds
            # It looks at the clock five times a second; nobody waits that long here.
            member.desk.deliver._news.set()

    def check_books(self) -> None:
        """Consumed = outcomes + given back + in flight, for each member, at any moment."""
        for member in self.members:
            meter = member.desk.meter
            assert meter.rows["consumed"] == meter.settled + meter.flying()
            assert meter.flying() >= 0

    def settle(self) -> None:
        """Let everything come to its end, rows that were asked to wait too."""
        self.fates.clear()
        self.heal()
        self.publish_doubted()
        for partition in PARTITIONS:
            if self.owner(partition) is None:
                self.assign(partition, self.members[0])
        for _ in range(500):
            if self._is_over():
                return
            for partition in PARTITIONS:
                self.fetch(partition, 2)
            for member in self.members:
                self.answer_all(member)
                member.desk.consumer.tick()
            self.let_time_pass(POSTPONED_SECONDS)
            self.run(turns(5))
        raise AssertionError("the sync does not come to its end")

    def _is_over(self) -> bool:
        return all(self.committed[p] == len(self.log[p]) for p in PARTITIONS)

    def check_profiles(self) -> None:
        """Each profile is at its newest version, or the newest stands in the dead letters."""
        super().check_profiles()
        buried = {(one.message.partition, one.message.offset) for one in self.letters.letters}
        for log in self.log.values():
            for last in {m.key: m for m in log}.values():
                if b'"patient"' in (last.value or b""):
                    assert last.offset == self.profiles[last.key.decode()]
                elif b'"hopeless"' in (last.value or b""):
                    assert (last.partition, last.offset) in buried
