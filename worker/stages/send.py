"""Send: a batch goes out within the rate and comes back with one verdict per row.

A batch that failed for a passing reason is sent again, the same rows, before anything newer for
them. A refused batch is split until the guilty rows stand alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.errors import (
    ConnectorError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.ports import Destination
from connectors.records import (
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Undetermined,
    Verdict,
)
from worker.clock import Clock
from worker.rules.batching import Entry
from worker.rules.rate_limit import RateLimit, RatePolicy

T = TypeVar("T")
KeepOurs = Callable[[list[Entry]], list[Entry]]


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T: ...
    async def pause(self, seconds: float) -> None: ...


class SendMeter(Protocol):
    """What is counted here."""

    def call(self, sync: str, result: str, seconds: float, rows: int) -> None: ...
    def rate(self, sync: str, calls_per_second: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Settled:
    """A row with its verdict, and the calls it took."""

    entry: Entry
    verdict: Verdict | Postponed
    attempts: int


class SendStage:
    """The calls of one sync to one endpoint."""

    def __init__(
        self,
        sync: str,
        destination: Destination,
        rate: RatePolicy,
        persist: Patience,
        *,
        clock: Clock,
        meter: SendMeter,
    ) -> None:
        self._sync = sync
        self._destination = destination
        self._persist = persist
        self._clock = clock
        self._meter = meter
        self._rate = RateLimit(rate, clock.monotonic())
        self._turn = asyncio.Lock()

    async def permit(self) -> None:
        """Return when a call may go out, in the order in which it was asked for."""
        async with self._turn:
            while (wait := self._rate.ask(self._clock.monotonic())) > 0:
                await self._persist.pause(wait)
            self._meter.rate(self._sync, self._rate.rate)

    def owns(self, share: float) -> None:
        """Take this share of the rate from now on."""
        self._rate.owns(share)
        self._meter.rate(self._sync, self._rate.rate)

    async def settle(self, batch: list[Entry], keep_ours: KeepOurs) -> list[Settled]:
        """Return a verdict for each row of the batch that stays ours; one call is permitted.

        A part whose answer leaves rows open is split: n rows need at most 2n - 1 answers, and one
        row alone always gets its verdict.
        """
        settled: list[Settled] = []
        parts = [batch]
        answers = 0
        while parts:
            part, result = await self._answer(parts.pop(), keep_ours, permitted=answers == 0)
            answers += 1
            found, still_open = _judge(part, result)
            settled += [Settled(entry, verdict, answers) for entry, verdict in found]
            if still_open and len(still_open) == len(part):
                half = (len(part) + 1) // 2
                parts += [part[half:], part[:half]]
            elif still_open:
                parts.append(still_open)
        return settled

    async def _answer(
        self, part: list[Entry], keep_ours: KeepOurs, *, permitted: bool
    ) -> tuple[list[Entry], Sequence[Outcome] | ConnectorError]:
        """Call until there is an answer; return it with the rows it speaks of."""
        may_go = permitted

        async def once() -> tuple[list[Entry], Sequence[Outcome] | ConnectorError]:
            nonlocal may_go
            if not may_go:
                await self.permit()
            may_go = False
            # Asked again after each wait: rows of a partition that was taken from us must not be
            # sent any more, their new owner may have sent newer ones already.
            ours = keep_ours(part)
            return ours, await self._attempt(ours) if ours else []

        return await self._persist.until_done(once)

    async def _attempt(self, part: list[Entry]) -> Sequence[Outcome] | ConnectorError:
        """Make one call; return its outcomes or its refusal, raise what may pass."""
        started = self._clock.monotonic()
        result = "ok"
        try:
            return await self._destination.deliver([entry.item for entry in part])
        except (RefusedError, TooLargeError) as error:
            result = "refused"
            return error
        except ThrottledError as error:
            result = error.kind
            self._rate.throttled(self._clock.monotonic(), error.retry_after_seconds)
            raise
        except RetryableError as error:
            result = error.kind
            raise
        except ConnectorError:
            result = "configuration"
            raise
        finally:
            self._meter.call(self._sync, result, self._clock.monotonic() - started, len(part))

    async def close(self) -> None:
        """Close the destination."""
        await self._destination.close()


def _judge(
    part: list[Entry], result: Sequence[Outcome] | ConnectorError
) -> tuple[list[tuple[Entry, Verdict | Postponed]], list[Entry]]:
    """Return the rows with a verdict, and the rows to ask about again."""
    if isinstance(result, RefusedError):
        return _blame(part, result)
    if isinstance(result, ConnectorError):
        if len(part) > 1:
            return [], part
        return [(part[0], Rejected(RejectReason.TOO_LARGE, 413))], []
    found: list[tuple[Entry, Verdict | Postponed]] = []
    still_open: list[Entry] = []
    for entry, outcome in zip(part, result, strict=True):
        if not isinstance(outcome, Undetermined):
            found.append((entry, outcome))
        elif len(part) == 1:
            found.append((entry, Rejected(RejectReason.UNEXPLAINED, 200)))
        else:
            still_open.append(entry)
    return found, still_open


def _blame(
    part: list[Entry], refusal: RefusedError
) -> tuple[list[tuple[Entry, Verdict | Postponed]], list[Entry]]:
    verdict = Rejected(RejectReason(refusal.reason), 400)
    if len(part) == 1:
        return [(part[0], verdict)], []
    guilty = {i for i in refusal.guilty if i < len(part)}
    found: list[tuple[Entry, Verdict | Postponed]] = [(part[i], verdict) for i in sorted(guilty)]
    return found, [entry for i, entry in enumerate(part) if i not in guilty]
