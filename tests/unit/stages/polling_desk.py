"""A model's polling stages put together on stand-ins, one process at a time."""

from __future__ import annotations

import random
from pathlib import Path

from connectors.ports import Index
from connectors.sqlite.index import SqliteIndex
from tests.fakes import FakeClock
from tests.fakes_polling import (
    FakeLedger,
    FakeModelLog,
    FakeProducer,
    FakeSchemas,
    FakeSource,
    Outside,
    PollingMeter,
)
from worker.rules.mqr import MqrPolicy
from worker.rules.window import WindowPolicy
from worker.stages.account import AccountPolicy, AccountStage
from worker.stages.poll import PollPolicy, PollStage
from worker.stages.publish import Prepared, PublishStage

TOPIC = "hightide.model.people"
PROMPT = WindowPolicy(overlap_seconds=5.0, settle_delay_seconds=0.0, max_rows=4, commit_rows=3)


class Process:
    """Poll, publish and account of one process; `start` takes the ledger."""

    def __init__(
        self,
        outside: Outside,
        directory: Path,
        *,
        name: str = "A",
        mqr: MqrPolicy | None = None,
        window: WindowPolicy = PROMPT,
        page_rows: int = 3,
        forced_poll_seconds: float = 3_600.0,
    ) -> None:
        self.outside = outside
        self.clock = FakeClock()
        self.meter = PollingMeter()
        self.index: Index = SqliteIndex(directory / f"index-{name}.sqlite")
        self.account = AccountStage(
            AccountPolicy(name, mqr or MqrPolicy()), FakeLedger(outside), self.index, self.meter
        )
        self.publish = PublishStage(
            self.account,
            FakeProducer(outside),
            FakeModelLog(outside),
            self.index,
            FakeSchemas(outside),
            mqr_secret=b"secret",
            meter=self.meter,
        )
        self.poll: PollStage[Prepared] = PollStage(
            outside.model,
            PollPolicy(TOPIC, 60.0, window, forced_poll_seconds),
            FakeSource(outside, page_rows),
            self.publish,
            clock=self.clock,
            dice=random.Random(7),
            meter=self.meter,
        )

    async def start(self) -> Process:
        """Read the ledger and take the next epoch."""
        await self.account.recover()
        return self

    def close(self) -> None:
        """End; the index file stays."""
        self.index.close()
