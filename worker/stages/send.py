"""Send: a batch goes out within the rate and comes back with one verdict per row.

A batch that failed for a passing reason is sent again, the same rows, before anything newer for
them. A refused batch is split until the guilty rows stand alone; so is one that the server fails at
again and again while other calls work.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

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
    Rejected,
    RejectReason,
    Undetermined,
)
from worker.clock import Clock
from worker.rules.batching import Entry

T = TypeVar("T")
KeepOurs = Callable[[list[Entry]], list[Entry]]


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]], *, attempt: int = 0) -> T: ...


class Pace(Protocol):
    """When calls may leave."""

    @property
    def rate(self) -> float: ...
    async def permit(self, sync: str) -> None: ...
    def throttled(self, retry_after_seconds: float | None) -> None: ...


class SendMeter(Protocol):
    """What is counted here."""

    def call(self, sync: str, result: str, seconds: float, rows: int) -> None: ...
    def fields(self, sync: str, created: int, left_out: int) -> None: ...
    def rate(self, sync: str, calls_per_second: Callable[[], float]) -> None: ...


class Settled(NamedTuple):
    """A row with its outcome, and the calls it took. Undetermined: nobody asked to the end."""

    entry: Entry
    outcome: Outcome
    attempts: int


# A batch that a server fails at so often is split: that costs a call. Halves of it take turns.
POISON_BATCH, POISON_BATCH_ALONE, POISON_HALF = 8, 16, 3
# A row alone becomes a dead letter only while other calls work, and of a server that fails at every
# second call it would have to be unlucky a million times.
POISON_ROW, OTHERS_WORKED = 20, 5
SUSPECT_ATTEMPT = 5


@dataclass(slots=True)
class _Trial:
    """Is it the server, or is it this batch? `worked` is how many calls had worked before it."""

    worked: int
    suspect: bool = False

    def verdict(self, rows: int, failures: int, worked: int) -> Literal["wait", "later", "guilty"]:
        """Say what to do after so many failures of a part, with so many calls that worked."""
        others = worked - self.worked
        if not self.suspect:
            enough = POISON_BATCH if others >= OTHERS_WORKED else POISON_BATCH_ALONE
            return "guilty" if rows > 1 and failures >= enough else self._alone(failures, others)
        if rows == 1:
            return self._alone(failures, others)
        if failures < POISON_HALF:
            return "wait"
        return "guilty" if others else "later"

    def _alone(self, failures: int, others: int) -> Literal["wait", "later", "guilty"]:
        if failures >= POISON_ROW and others >= OTHERS_WORKED:
            return "guilty"
        return "later" if self.suspect and failures % POISON_ROW == 0 else "wait"


class SendStage:
    """The calls of one sync to one endpoint."""

    def __init__(
        self,
        sync: str,
        destination: Destination,
        pace: Pace,
        persist: Patience,
        *,
        clock: Clock,
        dice: random.Random,
        meter: SendMeter,
    ) -> None:
        self._sync = sync
        self._destination = destination
        self._pace = pace
        self._persist = persist
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._worked = 0
        meter.rate(sync, lambda: pace.rate)

    async def permit(self) -> None:
        """Return when a call may leave; raise StoppingError when the process stops first."""
        await self._pace.permit(self._sync)

    async def settle(
        self,
        batch: list[Entry],
        keep_ours: KeepOurs,
        is_hopeless: Callable[[int, int, int], bool],
        *,
        permitted: bool,
    ) -> list[Settled]:
        """Return an outcome for each row of the batch that stays ours.

        With `permitted` the first call may leave at once. A part whose answer leaves rows open is
        split: n rows need at most 2n - 1 answers, and one row alone always gets its outcome. The
        halves are drawn by lot; once those asked about are hopeless (rows in all, accepted,
        refused), the others stay undetermined.
        """
        settled: list[Settled] = []
        parts = [batch]
        answers = accepted = refused = 0
        trial = _Trial(self._worked)
        while parts and not is_hopeless(len(batch), accepted, refused):
            part, result = await self._answer(
                parts.pop(), keep_ours, trial, permitted=permitted and not answers
            )
            answers += 1
            if result is None:
                parts.insert(0, part)  # the other parts may show whose fault it is
                continue
            found, still_open = _judge(part, result)
            settled += [Settled(entry, outcome, answers) for entry, outcome in found]
            rejected = sum(isinstance(outcome, Rejected) for _, outcome in found)
            accepted += len(found) - rejected
            refused += rejected
            parts += self._split(part, still_open)
        return settled + [Settled(e, Undetermined(), answers) for part in parts for e in part]

    def _split(self, part: list[Entry], still_open: list[Entry]) -> list[list[Entry]]:
        """Return the parts to ask about next, the first one last."""
        if not still_open:
            return []
        if len(still_open) < len(part):
            return [still_open]
        # A bad import stands in one place of the batch: drawn by lot, the first rows speak for all.
        drawn = self._dice.sample(part, len(part))
        half = (len(part) + 1) // 2
        return [drawn[half:], drawn[:half]]

    async def _answer(
        self, part: list[Entry], keep_ours: KeepOurs, trial: _Trial, *, permitted: bool
    ) -> tuple[list[Entry], Sequence[Outcome] | ConnectorError | None]:
        """Call until there is an answer; return it with the rows it speaks of.

        Of a batch that the server fails at there may be none for now.
        """
        may_go, ours = permitted, part
        failures = 0

        async def once() -> tuple[list[Entry], Sequence[Outcome] | ConnectorError | None]:
            nonlocal may_go, failures, ours
            if not may_go:
                await self.permit()
            may_go = False
            # Asked again after each wait: rows of a partition that was taken from us must not be
            # sent any more, their new owner may have sent newer ones already.
            ours = keep_ours(ours)
            try:
                return ours, await self._attempt(ours) if ours else []
            except RetryableError as error:
                failures += error.kind == "server_error"
                match trial.verdict(len(part), failures, self._worked):
                    case "wait":
                        raise
                    case "later":
                        return ours, None
                trial.suspect = True
                return ours, RefusedError(RejectReason.UNEXPLAINED.value, http_status=500)

        # The server was asked often enough by now: no more than a call in some seconds.
        return await self._persist.until_done(once, attempt=SUSPECT_ATTEMPT * trial.suspect)

    async def _attempt(self, part: list[Entry]) -> Sequence[Outcome] | ConnectorError:
        """Make one call; return its outcomes or its refusal, raise what may pass."""
        started = self._clock.monotonic()
        result = "ok"
        try:
            answer = await self._destination.deliver([entry.item for entry in part])
        except (RefusedError, TooLargeError) as error:
            result = "refused"
            return error
        except ThrottledError as error:
            result = error.kind
            self._pace.throttled(error.retry_after_seconds)
            raise
        except RetryableError as error:
            result = error.kind
            raise
        except ConnectorError:
            result = "configuration"
            raise
        else:
            self._worked += 1
            self._meter.fields(self._sync, answer.created_fields, answer.filtered_fields)
            return answer.outcomes
        finally:
            self._meter.call(self._sync, result, self._clock.monotonic() - started, len(part))

    async def close(self) -> None:
        """Close the destination."""
        await self._destination.close()


def _judge(
    part: list[Entry], result: Sequence[Outcome] | ConnectorError
) -> tuple[list[tuple[Entry, Outcome]], list[Entry]]:
    """Return the rows with a verdict, and the rows to ask about again."""
    if isinstance(result, RefusedError):
        return _blame(part, result)
    if isinstance(result, ConnectorError):
        if len(part) > 1:
            return [], part
        return [(part[0], Rejected(RejectReason.TOO_LARGE, 413))], []
    found: list[tuple[Entry, Outcome]] = []
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
) -> tuple[list[tuple[Entry, Outcome]], list[Entry]]:
    verdict = Rejected(RejectReason(refusal.reason), refusal.http_status)
    if len(part) == 1:
        return [(part[0], verdict)], []
    guilty = {i for i in refusal.guilty if i < len(part)}
    found: list[tuple[Entry, Outcome]] = [(part[i], verdict) for i in sorted(guilty)]
    return found, [entry for i, entry in enumerate(part) if i not in guilty]
