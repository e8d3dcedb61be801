"""The deliver role: topic ⇒ consume ⇒ accept ⇒ (exist) ⇒ deliver ⇒ send ⇒ destination."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.ports import Destination, Schemas
from worker.app.existence import WhoExists
from worker.app.parts import Parts
from worker.clock import Clock
from worker.observe.meter import Meter
from worker.rules.batching import BatchPolicy
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.turns import Turns
from worker.stages.accept import AcceptStage
from worker.stages.agree import AgreeStage
from worker.stages.bury import BuryStage
from worker.stages.consume import ConsumePolicy, ConsumeStage
from worker.stages.deliver import DeliverPolicy, DeliverStage
from worker.stages.exist import ExistStage
from worker.stages.interpret import InterpretStage
from worker.stages.judge import JudgePolicy, JudgeStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistPolicy, PersistStage
from worker.stages.send import SendStage

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits that a test or the demo may shorten; production keeps these."""

    lag_seconds: float = 5.0
    release_seconds: float = 6.0
    drain_seconds: float = 15.0


@dataclass(slots=True)
class DeliverRole:
    """Everything that delivers: one pair of stages per sync, and who exists where it has to."""

    consumes: dict[str, ConsumeStage] = field(default_factory=dict)
    delivers: dict[str, DeliverStage] = field(default_factory=dict)
    exists: dict[str, ExistStage] = field(default_factory=dict)
    closers: list[Close] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to deliver."""
        return all(consume.idle for consume in self.consumes.values())


class Delivering:
    """Puts the stages together that deliver a process's syncs, each by itself."""

    def __init__(
        self, parts: Parts, timing: Timing, clock: Clock, dice: random.Random, meter: Meter
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._timing = timing
        self._clock = clock
        self._dice = dice
        self._meter = meter
        self._paces: dict[tuple[str, str], PaceStage] = {}
        self._who_exists = WhoExists(parts, clock, meter)

    def role(self) -> DeliverRole:
        """Return the stages of every sync; call it inside the running event loop."""
        schemas = self._parts.schemas()
        role = DeliverRole(closers=[schemas.close])
        for name in self._config.syncs:
            self._add(role, name, schemas)
        return role

    def _add(self, role: DeliverRole, name: str, schemas: Schemas) -> None:
        sync, parts = self._config.syncs[name], self._parts
        destination, dead_letters = parts.destination(name), parts.dead_letters(name)
        role.closers += [destination.close, dead_letters.close]
        limit = DeadLetterLimit(sync.max_reject_share)
        persist, pace = self._persist(name), self._pace(name, destination)
        bury = BuryStage(name, limit, dead_letters, persist)
        interpret = self._interpret(role, name, schemas, destination)
        exist = self._who_exists.stage(name, pace, persist, bury)
        if exist is not None:
            role.exists[name] = exist
            role.closers.append(exist.close)
        clock, dice, meter = self._clock, self._dice, self._meter
        limits = destination.limits
        send = SendStage(name, destination, pace, persist, clock=clock, dice=dice, meter=meter)
        judging = JudgePolicy(probe_seconds=parts.settings.probe_seconds)
        role.delivers[name] = DeliverStage(
            name,
            DeliverPolicy(BatchPolicy(limits.max_rows, limits.max_bytes, sync.linger)),
            AcceptStage(name, interpret, bury, persist, clock=clock, meter=meter),
            send,
            JudgeStage(name, judging, send, bury, clock=clock, meter=meter),
            clock=clock,
            meter=meter,
            entrance=exist,
        )
        role.consumes[name] = ConsumeStage(
            name,
            self._consume_policy(),
            lambda: parts.consumer(name, self._timing.release_seconds + 2.0),
            role.delivers[name],
            pace,
            clock=clock,
            dice=dice,
            meter=meter,
        )

    def _interpret(
        self, role: DeliverRole, name: str, schemas: Schemas, destination: Destination
    ) -> InterpretStage:
        mapping = self._config.syncs[name].mapping
        types = self._parts.field_types(name)
        if types is None:  # an object whose fields have no types beforehand
            return InterpretStage(name, mapping, schemas, destination)
        role.closers.append(types.close)
        agree = AgreeStage(name, mapping, types)
        return InterpretStage(name, mapping, schemas, destination, agree)

    def _persist(self, name: str) -> PersistStage:
        policy = PersistPolicy(probe_seconds=self._parts.settings.probe_seconds)
        return PersistStage(name, policy, clock=self._clock, dice=self._dice, meter=self._meter)

    def _pace(self, name: str, destination: Destination) -> PaceStage:
        """Return the budget of a sync's calls: one for each endpoint of a destination."""
        limits, where = destination.limits, self._config.syncs[name].destination
        budget = (where, limits.endpoint)
        if budget not in self._paces:
            turns = Turns(period_seconds=3 * self._timing.lag_seconds)
            rate = RatePolicy(limits.calls_per_second, self._config.rate_share(where))
            self._paces[budget] = PaceStage(rate, turns, self._clock)
        return self._paces[budget]

    def _consume_policy(self) -> ConsumePolicy:
        return ConsumePolicy(
            lag_seconds=self._timing.lag_seconds,
            release_seconds=self._timing.release_seconds,
            drain_seconds=self._timing.drain_seconds,
            probe_seconds=self._parts.settings.probe_seconds,
        )
