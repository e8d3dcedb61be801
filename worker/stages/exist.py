"""Exist: rows whose profile exists go on, the others have their outcome here.

    accept → line → known? ── yes → send
                      ├────── no → absent
                      └─ not known → look-up, or the next export → send | absent | rejected

An export is one call whatever its size, so it is made when it spares some thousand look-ups. While
a row is asked about its newer versions wait in the line.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from connectors.records import Partition, Rejected
from worker.clock import Clock, StoppingError
from worker.rules.asking import Asking, AskingPolicy, in_parts
from worker.rules.batching import Batcher, BatchPolicy, Entry
from worker.rules.existence import (
    Answer,
    ExistenceIndex,
    ExistencePolicy,
    written_at,
)
from worker.rules.identifiers import Identifiers

T = TypeVar("T")

ROWS_A_TURN = 1_000
WAIT_SECONDS = 0.2
_NO_BYTES_LIMIT = 2**62  # what is taken out of the line here is no call


class Next(Protocol):
    """What follows: known rows are sent, absent and buried ones have their outcome."""

    def send(self, entry: Entry) -> None: ...
    def absent(self, entries: Sequence[Entry]) -> None: ...
    def rejected(self, entry: Entry, verdict: Rejected) -> None: ...


class Asker(Protocol):
    """Who answers: the destination, within its rates, in the end."""

    async def look_up(self, entry: Entry) -> tuple[float, bool | Rejected]: ...
    async def export(self, failed: Callable[[], None]) -> tuple[float, Identifiers]: ...
    async def close(self) -> None: ...


class ExistMeter(Protocol):
    """What is counted here."""

    def export(self, sync: str, result: str) -> None: ...
    def existence(self, sync: str, identifiers: int, began: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ExistPolicy:
    """When is asked, and how long an answer is good."""

    asking: AskingPolicy = field(default_factory=AskingPolicy)
    index: ExistencePolicy = field(default_factory=ExistencePolicy)


class ExistStage:
    """Stands before the batcher of one sync. `run` asks; the other methods are its neighbours'."""

    def __init__(
        self, sync: str, policy: ExistPolicy, ask: Asker, *, clock: Clock, meter: ExistMeter
    ) -> None:
        self._sync = sync
        self._ask = ask
        self._clock = clock
        self._meter = meter
        self._index = ExistenceIndex(policy.index)
        self._line = Batcher(BatchPolicy(ROWS_A_TURN, _NO_BYTES_LIMIT, linger_seconds=0.0))
        self._asking = Asking(policy.asking, self._index)
        self._look_ups: dict[asyncio.Task[tuple[float, bool | Rejected]], Entry] = {}
        self._export: asyncio.Task[tuple[float, Identifiers]] | None = None
        self._news = asyncio.Event()

    # --- for the stages around it --------------------------------------------------------------

    def hold(self, partition: Partition) -> None:
        """Keep a partition's rows back until `release`."""
        self._line.hold(partition)

    def release(self, partition: Partition) -> None:
        """Let a held partition's rows take their place in the line."""
        self._line.release(partition)
        self._news.set()

    def add(self, entry: Entry) -> None:
        """Take a row in; it replaces an older version of its key that is still in the line."""
        self._line.add(entry)
        self._news.set()

    def drop(self, partitions: frozenset[Partition]) -> list[Entry]:
        """Give up every row of these partitions that is here; return them."""
        dropped = self._line.drop(partitions)
        asked = self._asking.drop(partitions)
        for task in [t for t, e in self._look_ups.items() if e.partition in partitions]:
            asked.append(self._look_ups.pop(task))
            task.cancel()
        self._line.finish(asked)
        self._news.set()
        return dropped + asked

    async def close(self) -> None:
        """Close what is asked."""
        await self._ask.close()

    # --- finding out ---------------------------------------------------------------------------

    async def run(self, following: Next) -> None:
        """Hand rows on until asked to stop; those that are here then have no outcome."""
        try:
            with contextlib.suppress(StoppingError):
                while not self._clock.stopping():
                    self._news.clear()
                    await self._round(following)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), WAIT_SECONDS)
        finally:
            out = [*self._look_ups, *([] if self._export is None else [self._export])]
            for task in out:
                task.cancel()
            if out:
                await asyncio.wait(out)

    async def _round(self, following: Next) -> None:
        while batch := self._line.take():
            self._judge(batch, following)
            await self._clock.breathe()
        exported = self._take_export()
        if self._take_look_ups(following) or exported:
            await self._judge_again(following)
        now, wall = self._clock.monotonic(), self._clock.now()
        if self._export is None and self._asking.export_is_due(now, wall):
            self._export = self._start(self._ask.export(self._no_export), "export")
            self._asking.export_began(now)
        while (entry := self._asking.next_look_up(len(self._look_ups), now, wall)) is not None:
            task = self._start(self._ask.look_up(entry), "look-up")
            self._look_ups[task] = entry

    def _judge(self, entries: Sequence[Entry], following: Next) -> None:
        """Hand on what is known; the rest is to be asked about."""
        now = self._clock.now()
        known: list[Entry] = []
        absent: list[Entry] = []
        for entry in entries:
            match self._index.answer(entry.item.identity, written_at(entry.message, now), now):
                case Answer.KNOWN:
                    known.append(entry)
                case Answer.ABSENT:
                    absent.append(entry)
                case Answer.ASK:
                    self._asking.add(entry)
        self._hand_on(known, absent, following)

    async def _judge_again(self, following: Next) -> None:
        for keys in in_parts(self._asking.keys(), ROWS_A_TURN):
            self._judge(self._asking.take(keys), following)
            await self._clock.breathe()

    def _hand_on(
        self,
        known: Sequence[Entry],
        absent: Sequence[Entry],
        following: Next,
        *,
        settled: Sequence[Entry] = (),
    ) -> None:
        for entry in known:
            following.send(entry)
        if absent:
            following.absent(absent)
        # Only now: what was parked behind a row must come to the next stage after it.
        self._line.finish([*known, *absent, *settled])
        if self._line.waiting:
            self._news.set()

    # --- answers ---------------------------------------------------------------------------------

    def _take_look_ups(self, following: Next) -> bool:
        """Give rows that were looked up their way; say whether others have an answer by that."""
        was_proven = self._index.is_proven
        for task in [t for t in self._look_ups if t.done()]:
            asked_at, found = task.result()
            entry = self._look_ups.pop(task)
            if isinstance(found, Rejected):
                following.rejected(entry, found)
                self._hand_on([], [], following, settled=[entry])
                continue
            self._learn(entry, asked_at, exists=found)
            self._hand_on([entry] if found else [], [] if found else [entry], following)
        if was_proven or not self._index.is_proven:
            return False
        self._asking.export_judged(whole=True)
        return True

    def _learn(self, entry: Entry, asked_at: float, *, exists: bool) -> None:
        was_doubted = self._index.is_doubted
        written = written_at(entry.message, asked_at)
        self._index.learn(entry.item.identity, written, asked_at, exists=exists)
        if self._index.is_doubted and not was_doubted:
            self._asking.export_judged(whole=False)
            self._meter.export(self._sync, "incomplete")

    def _no_export(self) -> None:
        """Note that an export failed: it is repeated, and look-ups go on meanwhile."""
        self._asking.export_ended(well=False)
        self._news.set()

    def _take_export(self) -> bool:
        """Know what an export says, if one came."""
        if self._export is None or not self._export.done():
            return False
        export, self._export = self._export, None
        began, identifiers = export.result()
        self._index.seed(identifiers, began)
        self._asking.export_ended(well=True)
        self._meter.existence(self._sync, len(identifiers), began)
        return True

    def _start(self, call: Coroutine[Any, Any, T], what: str) -> asyncio.Task[T]:
        task = asyncio.create_task(call, name=f"{what}-{self._sync}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._news.set()
        if not task.cancelled():
            task.exception()  # it is raised where the answer is taken, unless the row was dropped
