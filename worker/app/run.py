"""The life of a process: open, run until asked to stop, drain, close."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RetryableError,
    TooLargeError,
)
from worker.app.deliver_role import Close, DeliverRole, Timing
from worker.app.parts import Parts
from worker.app.roles import PollRole, Roles, SnapshotRun, mqr_policy
from worker.clock import SystemClock
from worker.config.settings import Settings
from worker.config.syncs import Config
from worker.observe.health import HealthServer
from worker.observe.meter import Meter
from worker.observe.progress import show_progress
from worker.stages.snapshot import Compared

# Together below 25 s, also when nothing outside answers any more.
DRAIN_DEADLINE_SECONDS = 18.0
CLOSE_DEADLINE_SECONDS = 2.0


class Worker:
    """One process with one or both roles. `stop` ends it from inside."""

    def __init__(
        self,
        config: Config,
        settings: Settings,
        timing: Timing | None = None,
        *,
        poll: bool,
        deliver: bool,
        snapshot: SnapshotRun | None = None,
    ) -> None:
        self.stop = asyncio.Event()
        self.clock = SystemClock(self.stop)
        self.parts = Parts(config, settings)
        # A process shows the series of its own role only: a poller knows nothing of a sync's state.
        self.meter = Meter(
            config.models if poll else (), config.syncs if deliver else (), mqr_policy(config.mqr)
        )
        self.roles = Roles(self.parts, self.clock, self.meter, timing)
        self._has = (poll, deliver)
        self._snapshot = snapshot
        self.poll: PollRole | None = None
        self.deliver: DeliverRole | None = None
        self._started = False
        self._failure: BaseException | None = None

    async def open(self) -> None:
        """Reach Kafka, have the topics, take the ledger. Raises what the connectors raise."""
        poll, deliver = self._has
        await self.parts.prepare_topics()
        if poll:
            self.poll = self.roles.poll(self._snapshot)
            await self.poll.account.recover()
        if deliver:
            self.deliver = self.roles.deliver()

    async def run(self, *, scheduled: bool = True, until_idle: bool = False) -> None:
        """Run the open roles until `stop`; raise the first failure after the others drained.

        Without `scheduled` nothing is polled unless the caller does it.
        """
        asyncio.get_running_loop().set_exception_handler(self._unexpected)
        jobs = self._jobs(scheduled=scheduled, until_idle=until_idle)
        tasks = [asyncio.create_task(job, name=name) for name, job in jobs]
        self._started = True
        try:
            await self._supervise(tasks)
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure

    def not_ready(self) -> str:
        """Return why the process is not ready, or an empty text."""
        return "" if self._started else "starting"

    async def poll_once(self) -> None:
        """Poll every model once and close; then raise the first failure, if there was one."""
        failures: list[ConnectorError] = []
        try:
            for name in () if self.poll is None else self.poll.polls:
                try:
                    await self._poll_once(name)
                except (ConfigurationError, RetryableError, TooLargeError) as error:
                    # One that stands still does not keep the others from being polled.
                    failures.append(error)
                    self.meter.poll_state(name, "stopped", str(error))
        finally:
            await self._close()
        if failures:
            raise failures[0]

    async def _poll_once(self, name: str) -> None:
        if self.poll is None:
            return
        result = await self.poll.polls[name].poll_once()
        self.meter.polled(name, result, self.clock.now())
        if result == "limit_reached":
            raise ConfigurationError(self.meter.models[name].reason, kind="mqr_limit")

    async def take_snapshot(self, model: str) -> Compared:
        """Read one model whole and close; what was found, also when a guard refused it."""
        stage = None if self.poll is None else self.poll.snapshots.get(model)
        if stage is None:
            raise ConfigurationError(f"model {model} takes no snapshots", kind="not_a_snapshot")
        try:
            await self.poll_once()
        except ConfigurationError as error:
            if error.kind != "guard":
                raise
        if stage.compared is None:  # stopped on the way
            raise RetryableError(f"the snapshot of {model} was not finished", kind="stopped")
        return stage.compared

    def _jobs(
        self, *, scheduled: bool, until_idle: bool
    ) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        jobs: list[tuple[str, Coroutine[Any, Any, None]]] = []
        if self.poll is not None and scheduled:
            jobs += [(f"poll-{n}", p.run()) for n, p in self.poll.polls.items()]
        if self.deliver is not None:
            jobs += [(f"consume-{n}", c.run()) for n, c in self.deliver.consumes.items()]
            delivers = self.deliver.delivers
            jobs += [(f"deliver-{n}", d.run()) for n, d in delivers.items()]
            jobs += [(f"exist-{n}", e.run(delivers[n])) for n, e in self.deliver.exists.items()]
            if until_idle:
                jobs.append(("idle", self._stop_when_idle(self.deliver)))
        return jobs

    async def _stop_when_idle(self, role: DeliverRole) -> None:
        while not self.stop.is_set() and not role.idle:
            await self.clock.sleep(0.2)
        self.stop.set()

    async def _supervise(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        # One dies, all stop: but the others drain, they are not cancelled in the middle of a call.
        stopped = asyncio.create_task(self.stop.wait())
        pending: set[asyncio.Task[Any]] = {stopped, *tasks}
        while stopped in pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._note(task)
        if pending:
            done, pending = await asyncio.wait(pending, timeout=DRAIN_DEADLINE_SECONDS)
            for task in done:
                self._note(task)
        for task in pending:
            task.cancel()
        if pending:
            structlog.get_logger().warning("did not drain in time", rows=len(pending))
            await asyncio.wait(pending, timeout=CLOSE_DEADLINE_SECONDS)

    def _note(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if context.get("task") is None:
            # A report of the loop itself, like a socket that could not be accepted: not ours.
            structlog.get_logger().warning("the event loop reports", kind=type(error).__name__)
            return
        self._fail(error if isinstance(error, Exception) else RuntimeError(context["message"]))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self.stop.set()

    async def _close(self) -> None:
        closers: list[Close] = []
        for role in (self.poll, self.deliver):
            closers += role.closers if role is not None else []
        # With the broker gone a client may not close in time; nothing depends on it any more.
        closing = [asyncio.ensure_future(close()) for close in closers]
        if closing:
            done, _ = await asyncio.wait(closing, timeout=CLOSE_DEADLINE_SECONDS)
            for task in done:
                self._note(task)


async def serve(
    config: Config,
    settings: Settings,
    *,
    poll: bool,
    deliver: bool,
    once: bool = False,
    until_idle: bool = False,
) -> None:
    """Run a worker with health and metrics until SIGTERM or SIGINT; return once it is drained.

    With `once` every model is polled once, with `until_idle` everything in the topics is delivered;
    then it returns too.
    """
    _calm_the_collector()
    worker = Worker(config, settings, poll=poll, deliver=deliver)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop.set)
    health = HealthServer(worker.meter.metrics, worker.not_ready)
    port = await health.open(settings.host, settings.port)
    try:
        with show_progress() as worker.meter.progress:
            await worker.open()
            structlog.get_logger().info("started", port=port)
            if once:
                await worker.poll_once()
            else:
                await worker.run(until_idle=until_idle)
    except RetryableError:
        # Asked to stop while something that never answered was waited for: nothing was begun.
        if not worker.stop.is_set():
            raise
    finally:
        await health.close()


def _calm_the_collector() -> None:
    # Rows come and go by the thousand and form no cycles: at 700 new objects the collector looks
    # through them for nothing, 8 of 90 microseconds a row. What start-up made it need not look at.
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
