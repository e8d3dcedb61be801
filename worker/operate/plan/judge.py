"""What deliver would make of a sample: its own stage decides, row by row; nothing is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.records import Item, Message, Rejected, RejectReason, Skipped, SkipReason
from worker.observe.progress import Progress
from worker.operate.plan.sample import Sample
from worker.rules.batching import Entry

# Rows between two looks at the bar; fewer than that are done before it could be seen.
STEP = 5_000
NO_PROPERTY = "created_at is NULL or no time that Iterable takes"


class Interpreter(Protocol):
    """Deliver's own: a message becomes an item, or the reason why it is none."""

    async def learn(self, messages: Sequence[Message]) -> None: ...
    def item(self, message: Message) -> Item | Skipped | Rejected: ...
    def changed_at_ns(self, message: Message) -> int: ...


class Try(Protocol):
    """Whoever tries each field by itself."""

    async def try_row(self, message: Message) -> bool: ...
    def lacks_property(self, sentence: str) -> None: ...


@dataclass(slots=True)
class Judged:
    """Rows by what would become of them: `sent` by call, the others by their reason."""

    entries: list[Entry] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """How many rows were looked at; each has one outcome."""
        return self.sent.total() + self.skipped.total() + self.rejected.total()


async def judge(sample: Sample, interpret: Interpreter, trials: Try, progress: Progress) -> Judged:
    """Return the outcome of each row of the sample.

    Raises ConfigurationError for what would stop the sync, RetryableError when a schema can't be
    had.
    """
    found = Judged()
    if sample.superseded:
        found.skipped[SkipReason.SUPERSEDED.value] = sample.superseded
    await interpret.learn(sample.messages)
    for number, message in enumerate(sample.messages, 1):
        outcome = interpret.item(message)
        _count(found, message, outcome, interpret)
        await _try(message, outcome, trials)
        if number % STEP == 0:
            progress("trying rows", number, len(sample.messages))
    return found


def _count(
    found: Judged, message: Message, outcome: Item | Skipped | Rejected, interpret: Interpreter
) -> None:
    match outcome:
        case Item():
            changed_at = interpret.changed_at_ns(message)
            found.sent[outcome.call] += 1
            found.entries.append(Entry(outcome, message, [], changed_at, 0.0))
        case Skipped(reason):
            found.skipped[reason.value] += 1
        case Rejected(reason):
            found.rejected[reason.value] += 1


async def _try(message: Message, outcome: Item | Skipped | Rejected, trials: Try) -> None:
    gone = message.value is None or ("op", b"delete") in message.headers
    reason = outcome.reason if isinstance(outcome, Rejected) else None
    if gone or reason is RejectReason.UNDECODABLE:
        return
    # Rejected though every field and the filter have their value: the rest is the destination's.
    if not await trials.try_row(message) and reason is RejectReason.UNMAPPABLE:
        trials.lacks_property(NO_PROPERTY)
