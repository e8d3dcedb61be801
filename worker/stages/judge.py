"""Judge: a batch comes back from sending with outcomes; each row gets its verdict, once.

    send → outcomes → (too many rejects: the sync waits) → dead letters acknowledged → ack

Rows that the destination can't take yet go back into the line, for later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from connectors.records import Delivered, Outcome, Postponed, Rejected, Undetermined, Verdict
from worker.clock import Clock
from worker.rules.batching import Entry
from worker.rules.outcomes import Reject


class Line(Protocol):
    """Where the rows came from."""

    def keep_ours(self, entries: list[Entry]) -> list[Entry]: ...
    def postpone(self, entry: Entry, until: float) -> None: ...
    def finish(self, batch: Iterable[Entry]) -> None: ...


class Settlement(Protocol):
    """A row with its outcome."""

    @property
    def entry(self) -> Entry: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def attempts(self) -> int: ...


class Sender(Protocol):
    """The stage before: it makes the calls."""

    async def settle(
        self,
        batch: list[Entry],
        keep_ours: Callable[[list[Entry]], list[Entry]],
        is_hopeless: Callable[[int, int, int], bool],
        *,
        permitted: bool,
    ) -> Sequence[Settlement]: ...


class Share(Protocol):
    """An account of rejects."""

    def passes(self, rows: int, rejected: int) -> bool: ...
    def is_hopeless(self, rows: int, accepted: int, refused: int) -> bool: ...


class Bury(Protocol):
    """What becomes of rejected rows."""

    def share(self) -> Share: ...
    async def stop_sync(self) -> None: ...
    async def bury(self, rejects: Sequence[Reject]) -> None: ...


class JudgeMeter(Protocol):
    """What is counted here."""

    def outcome(self, sync: str, verdict: Verdict, rows: int) -> None: ...
    def delivered_at(self, sync: str, changed_at_ns: Sequence[int], now: float) -> None: ...


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """How often and how long a row is postponed, and how often a stopped sync looks again."""

    postpone_seconds: float = 60.0
    max_postponed: int = 3
    probe_seconds: float = 30.0


class Judged(NamedTuple):
    """A row with its verdict, and the calls it took."""

    entry: Entry
    verdict: Verdict
    attempts: int


class JudgeStage:
    """The verdicts of one sync."""

    def __init__(
        self,
        sync: str,
        policy: JudgePolicy,
        send: Sender,
        bury: Bury,
        *,
        clock: Clock,
        meter: JudgeMeter,
    ) -> None:
        self._sync = sync
        self._policy = policy
        self._send = send
        self._bury = bury
        self._clock = clock
        self._meter = meter
        self._share = bury.share()
        self._next_probe = 0.0

    async def deliver(self, batch: list[Entry], line: Line) -> None:
        """Return once each row of a batch has its outcome; a first call is permitted.

        Postponed rows leave the batch. Raises StoppingError when the process stops first.
        """
        judged, unsure = await self._ask(batch, batch, line, permitted=True)
        while not self._believes(judged, unsure):
            await self._bury.stop_sync()
            if not self._may_probe():
                continue
            # The cause may be gone by now: whoever was not accepted is asked about again.
            again = [*unsure, *(one.entry for one in judged if _is_reject(one))]
            accepted = [one for one in judged if not _is_reject(one)]
            judged, unsure = await self._ask(batch, again, line, permitted=False)
            judged = accepted + judged
            if not unsure and not _rejects(judged):
                self._next_probe = 0.0  # cured: the others need not wait
        await self._bury.bury(_rejects(judged))
        self._acknowledge(judged)

    def settle(self, entries: Sequence[Entry], verdict: Verdict) -> None:
        """Let rows have an outcome that needs no call."""
        self._acknowledge([Judged(entry, verdict, 0) for entry in entries])

    async def _ask(
        self, batch: list[Entry], rows: list[Entry], line: Line, *, permitted: bool
    ) -> tuple[list[Judged], list[Entry]]:
        """Return what has its verdict, and whom nobody asked about to the end.

        The rest leaves the batch for later; after its last try it is rejected.
        """
        doubt = self._share.is_hopeless
        judged: list[Judged] = []
        unsure: list[Entry] = []
        later: list[Entry] = []
        for one in await self._send.settle(rows, line.keep_ours, doubt, permitted=permitted):
            match one.outcome:
                case Undetermined():
                    unsure.append(one.entry)
                case Postponed() if self._has_time(one.entry):
                    later.append(one.entry)
                case Postponed(reason, status):
                    judged.append(Judged(one.entry, Rejected(reason, status), one.attempts))
                case verdict:
                    judged.append(Judged(one.entry, verdict, one.attempts))
        self._postpone(batch, later, line)
        return judged, unsure

    def _believes(self, judged: Sequence[Judged], unsure: Sequence[Entry]) -> bool:
        return not unsure and self._share.passes(len(judged), len(_rejects(judged)))

    def _may_probe(self) -> bool:
        """Say whether this call is the one that looks whether the sync may go on.

        A stopped sync looks once in an interval, however many of its calls wait: the syncs beside
        it have the same rate.
        """
        now = self._clock.monotonic()
        if now < self._next_probe:
            return False
        self._next_probe = now + self._policy.probe_seconds
        return True

    def _has_time(self, entry: Entry) -> bool:
        """Say whether a row may be asked about again later.

        It holds up the offsets behind it meanwhile, so a row that is older than all its tries
        would take has had its time: a backlog is not read at the pace of its unknown users.
        """
        tries, seconds = self._policy.max_postponed, self._policy.postpone_seconds
        written = entry.message.timestamp_ms / 1000
        is_old = 0 < written < self._clock.now() - tries * seconds
        return entry.postponed < tries and not is_old

    def _postpone(self, batch: list[Entry], rows: list[Entry], line: Line) -> None:
        # Out of the batch: a call of their own may be under way before this one has its end.
        ids = {id(entry) for entry in rows}
        batch[:] = [entry for entry in batch if id(entry) not in ids]
        until = self._clock.monotonic() + self._policy.postpone_seconds
        ours = line.keep_ours(rows)
        for entry in ours:
            line.postpone(entry, until)
        kept = {id(entry) for entry in ours}
        line.finish(entry for entry in rows if id(entry) not in kept)

    def _acknowledge(self, judged: Sequence[Judged]) -> None:
        counts: dict[Verdict, int] = {}
        for entry, verdict, _ in judged:
            for tracker, offset in entry.covers:
                tracker.ack(offset)
            counts[verdict] = counts.get(verdict, 0) + len(entry.covers)
        for verdict, rows in counts.items():
            self._meter.outcome(self._sync, verdict, rows)
        changed = [e.changed_at_ns for e, verdict, _ in judged if isinstance(verdict, Delivered)]
        self._meter.delivered_at(self._sync, changed, self._clock.now())


def _is_reject(judged: Judged) -> bool:
    return isinstance(judged.verdict, Rejected)


def _rejects(judged: Sequence[Judged]) -> list[Reject]:
    return [Reject(e.message, v, n) for e, v, n in judged if isinstance(v, Rejected)]
