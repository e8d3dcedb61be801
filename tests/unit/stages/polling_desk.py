"""A model's polling stages put together on stand-ins, one process at a time."""

from __future__ import annotations

import random
from pathlib import Path

from connectors.ports import Index, Source
from connectors.sqlite.index import SqliteIndex
from connectors.sqlite.snapshots import SqliteSnapshots
from tests.fakes import FakeClock, FakeDeadLetters
from tests.fakes_polling import (
    FakeLedger,
    FakeModelLog,
    FakeProducer,
    FakeSchemas,
    FakeSource,
    Outside,
)
from tests.polling_meter import PollingMeter
from worker.rules.guards import GuardPolicy
from worker.rules.mqr import MqrPolicy
from worker.rules.schedule import Every
from worker.rules.window import WindowPolicy
from worker.stages.account import AccountPolicy, AccountStage
from worker.stages.admit import AdmitStage
from worker.stages.catch_up import CatchUpStage
from worker.stages.compare import CompareStage
from worker.stages.follow import FollowStage
from worker.stages.poll import PollPolicy, PollStage
from worker.stages.publish import Prepared, PublishStage
from worker.stages.snapshot import SnapshotPolicy, SnapshotStage

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
        guards: GuardPolicy | None = None,
        source: Source | None = None,
    ) -> None:
        self.outside = outside
        self.clock = FakeClock()
        self.meter = PollingMeter()
        index = SqliteIndex(directory / f"index-{name}.sqlite")
        self.index: Index = index
        self.snapshots = SqliteSnapshots(index)
        self.dead_letters = FakeDeadLetters()
        self.account = AccountStage(
            AccountPolicy(name, mqr or MqrPolicy()), FakeLedger(outside), index, self.meter
        )
        schemas = FakeSchemas(outside)
        self.source: Source = source or FakeSource(outside, page_rows)
        self.publish = PublishStage(
            self.account,
            FakeProducer(outside),
            CatchUpStage(FakeModelLog(outside), index, schemas, meter=self.meter),
            AdmitStage(self.account, index, schemas),
            CompareStage(index, self.snapshots),
            index,
            schemas,
            {outside.model.name: [self.dead_letters]},
            mqr_secret=b"secret",
            meter=self.meter,
        )
        policy = PollPolicy(
            (Every(60.0),), window.settle_delay_seconds, forced_poll_seconds=forced_poll_seconds
        )
        self.poll = PollStage(
            outside.model,
            policy,
            self.source,
            self._reading(window, guards or GuardPolicy()),
            clock=self.clock,
            dice=random.Random(7),
            meter=self.meter,
        )

    def _reading(
        self, window: WindowPolicy, guards: GuardPolicy
    ) -> FollowStage[Prepared] | SnapshotStage[Prepared]:
        common = (self.outside.model, TOPIC)
        if self.outside.model.watermark is not None:
            return FollowStage(
                *common, window, self.source, self.publish, clock=self.clock, meter=self.meter
            )
        policy = SnapshotPolicy(guards, window.max_rows, window.commit_rows)
        self.snapshot_stage = SnapshotStage(
            *common,
            policy,
            self.source,
            self.publish,
            self.snapshots,
            clock=self.clock,
            meter=self.meter,
        )
        return self.snapshot_stage

    async def start(self) -> Process:
        """Read the ledger and take the next epoch."""
        await self.account.recover()
        return self

    def close(self) -> None:
        """End; the index file stays."""
        self.index.close()
