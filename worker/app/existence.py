"""What an update sync needs to know who exists, put together; nothing for the other syncs."""

from __future__ import annotations

from worker.app.parts import Parts
from worker.clock import Clock
from worker.config.objects import Existence, UsersSync, existence_of
from worker.observe.meter import Meter
from worker.rules.asking import AskingPolicy
from worker.rules.rate_limit import RatePolicy
from worker.stages.ask import AskStage
from worker.stages.bury import BuryStage
from worker.stages.exist import ExistPolicy, ExistStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistStage

# Of the exports a minute that a project permits each process makes one.
EXPORT_SHARE = 0.25
EXPORT_PAUSE_SECONDS = 20.0


class WhoExists:
    """Puts the stages together that stand before the batchers of a process's update syncs."""

    def __init__(self, parts: Parts, clock: Clock, meter: Meter) -> None:
        self._parts = parts
        self._clock = clock
        self._meter = meter
        self._paces: dict[str, PaceStage] = {}  # one budget of look-ups for each destination

    def stage(
        self, name: str, pace: PaceStage, persist: PersistStage, bury: BuryStage
    ) -> ExistStage | None:
        """Return what stands before a sync's batcher, if it has to know who exists.

        `pace` is that of its bulk calls: its look-ups have the same turns.
        """
        existence = strategy(self._parts, name)
        if existence not in {"index", "look_up"}:
            return None
        sync, directory = self._parts.config.syncs[name], self._parts.directory(name)
        limits = directory.limits
        share = self._parts.config.rate_share(sync.destination)
        look_ups = self._paces.setdefault(
            sync.destination, pace.beside(RatePolicy(limits.look_ups_per_second, share))
        )
        per_second = limits.exports_per_minute / 60
        exports = RatePolicy(per_second, EXPORT_SHARE, pause_seconds=EXPORT_PAUSE_SECONDS)
        clock, meter = self._clock, self._meter
        ask = AskStage(name, directory, look_ups, exports, persist, bury, clock=clock, meter=meter)
        policy = ExistPolicy(AskingPolicy(exports=existence == "index"))
        return ExistStage(name, policy, ask, clock=clock, meter=meter)


def strategy(parts: Parts, name: str) -> Existence | None:
    """Return how a sync knows who exists; None for one that may create, and for other objects."""
    sync = parts.config.syncs[name]
    if not isinstance(sync, UsersSync):
        return None
    return existence_of(sync, parts.config.destinations[sync.destination].project_type)
