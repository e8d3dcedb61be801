"""One soak: rows change, things go wrong, and somebody looks every second."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence

import aiohttp

from benchmarks.soak.books import OUTCOMES, Scrape, gone_back, unbalanced
from benchmarks.soak.disorder import Disorder
from benchmarks.soak.ground import BackDoor
from benchmarks.soak.members import Member
from benchmarks.soak.report import Plan, Report
from benchmarks.soak.truth import Truth
from worker.clock import Clock
from worker.operate.demo.oracle import Comparison

CHANGED_ROWS = 200
CHANGE_SECONDS = 2.0
BUILD_EVERY = 40  # changes
FAULT_SECONDS = (3.0, 9.0)
SETTLE_SECONDS = 150.0
PEAK_MB = {"poll": 350.0, "deliver": 250.0}


class Run:
    """A soak under way."""

    def __init__(
        self,
        plan: Plan,
        door: BackDoor,
        members: Sequence[Member],
        disorder: Disorder,
        truth: Truth,
        clock: Clock,
        show: Callable[[str, float], None],
    ) -> None:
        """`show` is told what happens and how much of the time is over, as a share."""
        self._plan = plan
        self._door = door
        self._members = members
        self._disorder = disorder
        self._truth = truth
        self._clock = clock
        self._show = show
        self._dice = random.Random(plan.seed)  # noqa: S311  # repeatable, nothing secret
        self._report = Report(plan.seed)
        self._rows: Counter[str] = Counter()
        self._started = clock.monotonic()
        self._quiet = asyncio.Event()

    async def whole(self, scraper: aiohttp.ClientSession) -> Report:
        """Plant profiles, let it all happen, heal everything, and judge."""
        await self._truth.plant()
        for member in self._members:
            member.start()
        self._started = self._clock.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_every_second(scraper))
            tasks.create_task(self._happen())
        for member in self._members:
            self._keep(member)
            if (code := await member.leave()) != 0:
                self._report.wrong(f"{member.name} left with exit code {code}")
        await self._judge()
        return self._report

    @property
    def _share(self) -> float:
        return (self._clock.monotonic() - self._started) / self._plan.seconds

    async def _happen(self) -> None:
        try:
            await asyncio.gather(self._change(), self._disturb())
            await self._door.clear_faults()
            await self._settle()
        finally:
            self._quiet.set()

    async def _change(self) -> None:
        changes = 0
        while self._share < 1.0:
            changes += 1
            seed = self._dice.randrange(1 << 30)
            if changes % BUILD_EVERY:
                await self._door.warehouse("trickle", rows=CHANGED_ROWS, seed=seed)
            else:
                # Nobody vanishes: a row that changed and went before it was read has no last word.
                await self._door.warehouse("build", seed=seed, vanish_share=0.0)
            await self._clock.sleep(CHANGE_SECONDS)

    async def _disturb(self) -> None:
        await self._clock.sleep(5.0)
        while self._share < 1.0:
            self._show(f"{sum(self._disorder.done.values())} faults", self._share)
            await self._disorder.one()
            await self._clock.sleep(self._dice.uniform(*FAULT_SECONDS))

    async def _settle(self) -> None:
        """Return once every profile equals the model and nothing is in flight."""
        end = self._clock.monotonic() + SETTLE_SECONDS
        verdict = await self._truth.compare()
        while self._clock.monotonic() < end:
            self._show("settling", 1.0)
            await self._clock.sleep(2.0)
            verdict = await self._truth.compare()
            if _is_equal(verdict) and not self._in_flight():
                break
        self._report.profiles, self._report.equal = verdict.profiles, verdict.equal
        if not _is_equal(verdict):
            self._report.wrong(
                f"{verdict.different} profiles differ from the model, {verdict.missing} are "
                f"missing, {verdict.unexpected} should not be there"
            )
        if rows := self._in_flight():
            self._report.wrong(f"{rows:.0f} rows are still in flight")

    def _in_flight(self) -> float:
        seen = [member.seen for member in self._members if member.seen is not None]
        return sum(scrape.total("hightide_in_flight_rows") for scrape in seen)

    async def _look_every_second(self, scraper: aiohttp.ClientSession) -> None:
        while not self._quiet.is_set():
            await asyncio.gather(*(self._look(member, scraper) for member in self._members))
            await self._clock.sleep(1.0)

    async def _look(self, member: Member, scraper: aiohttp.ClientSession) -> None:
        process = member.process
        now = await member.look(scraper)
        if now is None or process is not member.process:
            return
        self._report.scrapes += 1
        if wrong := unbalanced(now):
            self._report.unbalanced_scrapes += 1
        if member.seen is not None:
            wrong += gone_back(member.seen, now)
        for sentence in wrong:
            moment = self._clock.monotonic() - self._started
            self._report.wrong(f"{member.name} after {moment:.0f} s: {sentence}")
        member.seen = now

    def _keep(self, member: Member) -> None:
        self._report.peak_mb[member.name] = round(member.peak_mb, 1)
        self._report.growth_mb[member.name] = round(member.growth_mb, 1)
        if member.peak_mb > PEAK_MB[member.role]:
            self._report.wrong(f"{member.name} needed {member.peak_mb:.0f} MB")
        for scrape in (*member.past, *([] if member.seen is None else [member.seen])):
            self._count(scrape)

    def _count(self, scrape: Scrape) -> None:
        for outcome in OUTCOMES:
            self._rows[outcome] += int(scrape.total("hightide_rows_total", outcome=outcome))
        published = scrape.total("hightide_source_rows_total", result="published")
        self._rows["published"] += int(published)

    async def _judge(self) -> None:
        report, stats = self._report, await self._door.stats()
        report.faults = dict(sorted(self._disorder.done.items()))
        report.rows = dict(self._rows)
        report.calls, report.rate_limited = int(stats["calls"]), int(stats["rate_limited"])
        report.busiest_second = max(stats["busiest_second"].values(), default=0)
        if self._rows["rejected"]:
            report.wrong(f"{self._rows['rejected']} rows were rejected, and none deserved it")


def _is_equal(verdict: Comparison) -> bool:
    return verdict.different == verdict.missing == verdict.unexpected == 0
