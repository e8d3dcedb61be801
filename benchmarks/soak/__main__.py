"""`python -m benchmarks.soak --minutes 10 --seed 1`: one poll and two deliver processes in trouble.

Rows change all the time, faults come in an order that the seed decides, and every second each
process is asked for its metrics: consumed = delivered + unchanged + skipped + rejected +
given back + in flight, for each sync, each time. At the end every profile must equal the model.
Ends with 1 and a sentence for each thing that did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.soak.disorder import Disorder
from benchmarks.soak.ground import BackDoor, ground
from benchmarks.soak.members import SCRAPE, Member
from benchmarks.soak.report import Plan, Report
from benchmarks.soak.run import Run
from benchmarks.soak.truth import Truth
from worker.clock import SystemClock


async def soak(plan: Plan, show: Callable[[str, float], None]) -> Report:
    """Run a soak from an empty folder; everything is stopped after."""
    with tempfile.TemporaryDirectory(prefix="hightide-soak-") as name:
        folder = Path(name)
        async with ground(folder, plan.seed, plan.rows) as (stack, broker):
            names = (("poll", "poll"), ("deliver", "deliver-1"), ("deliver", "deliver-2"))
            members = [Member(role, name, folder) for role, name in names]
            clock, dice = SystemClock(asyncio.Event()), random.Random(plan.seed)  # noqa: S311  # repeatable
            async with (
                aiohttp.ClientSession() as session,
                aiohttp.ClientSession(timeout=SCRAPE) as scraper,
            ):
                door = BackDoor(stack, session)
                key = stack.iterable["api_key"]
                disorder = Disorder(dice, clock, door, broker, members[1:], key)
                run = Run(plan, door, members, disorder, Truth(stack, door), clock, show)
                try:
                    return await run.whole(scraper)
                finally:
                    for member in members:
                        await asyncio.to_thread(member.kill)


def main() -> int:
    """Run it and print what came of it; 1 unless everything held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=12_000, help="contacts in the table")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    plan = Plan(options.minutes * 60, options.seed, options.rows)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("starting", total=1.0)
        report = asyncio.run(
            soak(plan, lambda what, share: progress.update(bar, description=what, completed=share))
        )
    with contextlib.suppress(BrokenPipeError):
        if options.json:
            print(json.dumps(asdict(report)))
        else:
            for name, value in asdict(report).items():
                print(f"{name:22} {value}")
    return int(bool(report.broken))


if __name__ == "__main__":
    sys.exit(main())
