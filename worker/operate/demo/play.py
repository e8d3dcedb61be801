"""The play: seed, first sync, a build and a sync for each further day, a trickle, the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from rich.console import Console

from worker.app.deliver_role import Timing
from worker.app.run import Worker
from worker.config.settings import Settings
from worker.config.syncs import Config
from worker.operate.demo.oracle import Comparison, Oracle, Profile, compare, read_model
from worker.operate.demo.report import Plan, Report
from worker.operate.demo.stack import MODEL, SYNC, Door, Stack, configure, sandbox
from worker.operate.demo.view import View

PROFILE_SHARE = 0.85
SETTLED = ("delivered", "skipped", "rejected", "unchanged")


async def demo(plan: Plan, *, quiet: bool) -> Report:
    """Run the demo from an empty folder and return its report; everything is stopped after."""
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="hightide-demo-") as name,
        View({}, quiet=quiet) as view,
    ):
        view.step("starting a broker, a warehouse and an Iterable on this machine")
        async with sandbox(Path(name), plan.seed) as stack, aiohttp.ClientSession() as session:
            view.step(stack.broker_sentence)
            play = _Play(plan, stack, Door(stack, session), view)
            report = await play.run(started)
    if not quiet:
        _print(report)
    return report


class _Play:
    def __init__(self, plan: Plan, stack: Stack, door: Door, view: View) -> None:
        self._plan = plan
        self._stack = stack
        self._door = door
        self._view = view
        self._config: Config = configure(stack)
        sync, model = self._config.syncs[SYNC], self._config.models[MODEL]
        self._oracle = Oracle(sync.renamed, sync.match["userId"], model.primary_key)
        self._planted: dict[str, Profile] = {}

    async def run(self, started: float) -> Report:
        settings = Settings(state_dir=self._stack.folder / "state", port=0, probe_seconds=2.0)
        timing = Timing(lag_seconds=1.0)
        worker = Worker(self._config, settings, timing, poll=True, deliver=True)
        self._view.watch(worker.meter.counts)
        await worker.open()
        running = asyncio.create_task(worker.run(scheduled=False))
        try:
            await self._acts(worker, running)
        finally:
            worker.stop.set()
            await running
            await worker.parts.delete_topics()
        self._view.step("comparing every profile in Iterable with the model")
        verdict = await self._verdict()
        return await self._report(worker, verdict, time.monotonic() - started)

    async def _acts(self, worker: Worker, running: asyncio.Task[None]) -> None:
        plan, door, view = self._plan, self._door, self._view
        view.step(f"seeding {plan.contacts:,} contacts")
        await door.warehouse("seed", rows=plan.contacts, seed=plan.seed)
        view.step("day 1: the first sync")
        await self._sync(worker, running)
        for day in range(2, plan.days + 1):
            built = await door.warehouse("build", seed=plan.seed + day)
            view.step(
                f"day {day}: the table is built anew, {built['changed']:,} rows really change, "
                f"{built['flapped']:,} only look changed"
            )
            await self._sync(worker, running)
        trickle = max(10, plan.contacts // 100)
        view.step(f"a trickle: {trickle:,} rows change in place")
        await door.warehouse("trickle", rows=trickle, seed=plan.seed)
        await self._sync(worker, running)

    async def _sync(self, worker: Worker, running: asyncio.Task[None]) -> None:
        """Let the product create profiles, poll the model once, wait until all is delivered."""
        connection = self._config.sources["snowflake"].connection
        options: dict[str, Any] = {**connection, "password": "sandbox"}
        rows = await asyncio.to_thread(read_model, options, self._config.models[MODEL].sql)
        users = self._oracle.see(rows)
        await self._plant({str(r[self._oracle.match_column]): r for r in rows}, users)
        if worker.poll is None:
            raise RuntimeError("the demo's worker does not poll")
        await worker.poll.polls[MODEL].poll_once()
        counts = worker.meter.counts
        while sum(counts.get(n, 0) for n in SETTLED) < counts.get("rows_published", 0):
            if running.done():
                await running
                raise RuntimeError("the worker ended before everything was delivered")
            await worker.clock.sleep(0.05)

    async def _plant(self, rows: dict[str, Any], users: list[str]) -> None:
        chosen = [user for user in users if _has_profile(user)]
        profiles: list[dict[str, object]] = [
            {
                "email": rows[user]["EMAIL_ADDRESS"],
                "userId": user,
                "dataFields": {"createdBy": "product"},
            }
            for user in chosen
        ]
        self._planted |= {user: {"createdBy": "product"} for user in chosen}
        for start in range(0, len(profiles), 20_000):
            await self._door.plant(profiles[start : start + 20_000])

    async def _verdict(self) -> Comparison:
        lines = (await self._door.profiles()).splitlines()
        found = (orjson.loads(line) for line in lines)
        return await asyncio.to_thread(compare, found, self._planted, self._oracle.expected)

    async def _report(self, worker: Worker, verdict: Comparison, seconds: float) -> Report:
        counts, stats = worker.meter.counts, await self._door.stats()
        return Report(
            profiles=verdict.profiles,
            equal=verdict.equal,
            different=verdict.different,
            missing=verdict.missing,
            unexpected=verdict.unexpected,
            rows_read=counts.get("rows_read", 0),
            rows_published=counts.get("rows_published", 0),
            rows_unchanged=counts.get("rows_unchanged", 0),
            rows_changed=self._oracle.changed,
            delivered=counts.get("delivered", 0),
            skipped=counts.get("skipped", 0),
            rejected=counts.get("rejected", 0),
            mqr_used=counts.get("mqr_used", 0),
            calls=counts.get("calls", 0),
            rate_limited=int(stats["rate_limited"]),
            busiest_second=max(stats["busiest_second"].values(), default=0),
            seconds=round(seconds, 1),
            broker=self._stack.broker_kind,
        )


def _has_profile(user: str) -> bool:
    # Decided by the user alone, so that a larger demo of the same seed agrees with a smaller one.
    return hashlib.blake2b(user.encode(), digest_size=1).digest()[0] < 256 * PROFILE_SHARE


def _print(report: Report) -> None:
    console = Console()
    with contextlib.suppress(BrokenPipeError):
        console.print()
        console.print(
            f"read {report.rows_read:,} rows · unchanged {report.rows_unchanged:,} · "
            f"published {report.rows_published:,} (really changed {report.rows_changed:,})",
            highlight=False,
        )
        console.print(
            f"delivered {report.delivered:,} · skipped, no profile {report.skipped:,} · "
            f"rejected {report.rejected:,} · MQR used {report.mqr_used:,}",
            highlight=False,
        )
        console.print(
            f"{report.calls:,} calls, {report.rate_limited} refused for rate, at most "
            f"{report.busiest_second} in one second (5 permitted) · {report.seconds:.0f} s",
            highlight=False,
        )
        if report.equal_everywhere:
            console.print(
                f"[bold green]Every one of {report.profiles:,} profiles equals the model.[/]"
            )
        else:
            console.print(
                f"[bold red]{report.different:,} profiles differ, {report.missing:,} are missing, "
                f"{report.unexpected:,} should not be there.[/]"
            )
