"""Ask: look-ups and exports within their rates, each repeated until there is an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from connectors.errors import ConnectorError, RefusedError, ThrottledError
from connectors.ports import Directory
from connectors.records import Rejected, RejectReason
from worker.clock import Clock
from worker.rules.batching import Entry
from worker.rules.identifiers import Identifiers
from worker.rules.outcomes import Reject
from worker.rules.rate_limit import RateLimit, RatePolicy

T = TypeVar("T")


class Patience(Protocol):
    """How failures are waited out."""

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T: ...
    async def pause(self, seconds: float) -> None: ...


class Pace(Protocol):
    """When look-ups may leave: the rate is shared with other processes."""

    async def permit(self, sync: str) -> None: ...
    def throttled(self, retry_after_seconds: float | None) -> None: ...


class Share(Protocol):
    """An account of rejects."""

    def passes(self, rows: int, rejected: int) -> bool: ...


class Bury(Protocol):
    """What becomes of rejected rows."""

    def share(self) -> Share: ...
    async def stop_sync(self) -> None: ...
    async def bury(self, rejects: Sequence[Reject]) -> None: ...


class AskMeter(Protocol):
    """What is counted here."""

    def look_up(self, sync: str, result: str) -> None: ...
    def export(self, sync: str, result: str) -> None: ...


class AskStage:
    """The questions of one sync about who exists."""

    def __init__(
        self,
        sync: str,
        directory: Directory,
        look_ups: Pace,
        exports: RatePolicy,
        persist: Patience,
        bury: Bury,
        *,
        clock: Clock,
        meter: AskMeter,
    ) -> None:
        self._sync = sync
        self._directory = directory
        self._persist = persist
        self._bury = bury
        self._share = bury.share()
        self._clock = clock
        self._meter = meter
        self._look_ups = look_ups
        self._exports = RateLimit(exports, clock.monotonic())

    async def look_up(self, entry: Entry) -> tuple[float, bool | Rejected]:
        """Return when the look-up that was answered began, and whether there is such a profile.

        A row whose identifier can't be looked up is rejected: the dead letters hold it by then.
        While that befalls too many the sync is stopped, and the row looked up again.
        """
        while True:
            began, found = await self._look_up(entry.item.identity)
            if not isinstance(found, Rejected):
                self._share.passes(1, 0)
                return began, found
            if self._share.passes(1, 1):
                await self._bury.bury([Reject(entry.message, found, 1)])
                return began, found
            await self._bury.stop_sync()

    async def _look_up(self, identity: str) -> tuple[float, bool | Rejected]:
        async def once() -> tuple[float, bool | Rejected]:
            await self._look_ups.permit(self._sync)
            began = self._clock.now()
            with self._counted(self._meter.look_up, self._look_ups.throttled):
                try:
                    return began, await self._directory.exists(identity)
                except RefusedError as error:
                    return began, Rejected(RejectReason(error.reason), error.http_status)

        began, found = await self._persist.until_done(once)
        result = "refused" if isinstance(found, Rejected) else "found" if found else "absent"
        self._meter.look_up(self._sync, result)
        return began, found

    async def export(self, failed: Callable[[], None]) -> tuple[float, Identifiers]:
        """Return when the export that came whole began, and everybody's identifiers.

        `failed` is called after each that did not.
        """

        async def once() -> tuple[float, Identifiers]:
            while (wait := self._exports.ask(self._clock.monotonic())) > 0:
                await self._persist.pause(wait)
            began = self._clock.now()
            identifiers = Identifiers()
            try:
                with self._counted(self._meter.export, self._no_export_for):
                    async for some in self._directory.export():
                        identifiers.add(some)
                        await self._clock.breathe()
            except ConnectorError:
                failed()
                raise
            for _ in identifiers.sort():
                await self._clock.breathe()
            return began, identifiers

        answer = await self._persist.until_done(once)
        self._meter.export(self._sync, "ok")
        return answer

    def _no_export_for(self, seconds: float | None) -> None:
        self._exports.throttled(self._clock.monotonic(), seconds)

    @contextlib.contextmanager
    def _counted(
        self, count: Callable[[str, str], None], throttled: Callable[[float | None], None]
    ) -> Iterator[None]:
        try:
            yield
        except ConnectorError as error:
            count(self._sync, "failed")
            if isinstance(error, ThrottledError):
                throttled(error.retry_after_seconds)
            raise

    async def close(self) -> None:
        """Close the directory."""
        await self._directory.close()
