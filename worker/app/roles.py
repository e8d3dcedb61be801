"""The roles: parts and stages put together.

poll role     source ⇒ PollStage ⇒ PublishStage (+ AccountStage) ⇒ topic
deliver role  topic ⇒ ConsumeStage ⇒ (ExistStage) ⇒ DeliverStage ⇒ SendStage ⇒ destination
"""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.ports import CallLimits, DeadLetters, Schemas, Snapshots, Source
from connectors.records import Model
from worker.app.existence import WhoExists
from worker.app.parts import Parts
from worker.clock import Clock
from worker.config.models import ModelConfig, SourceConfig
from worker.config.secrets import plain
from worker.config.syncs import Config, MqrConfig
from worker.observe.meter import Meter
from worker.rules.batching import BatchPolicy
from worker.rules.guards import GuardPolicy
from worker.rules.mqr import MqrPolicy
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.turns import Turns
from worker.rules.window import WindowPolicy
from worker.stages.accept import AcceptStage
from worker.stages.account import AccountPolicy, AccountStage
from worker.stages.admit import AdmitStage
from worker.stages.bury import BuryStage
from worker.stages.catch_up import CatchUpStage
from worker.stages.compare import CompareStage
from worker.stages.consume import ConsumePolicy, ConsumeStage
from worker.stages.deliver import DeliverPolicy, DeliverStage
from worker.stages.exist import ExistStage
from worker.stages.follow import FollowStage
from worker.stages.interpret import InterpretStage
from worker.stages.pace import PaceStage
from worker.stages.persist import PersistPolicy, PersistStage
from worker.stages.poll import PollPolicy, PollStage, Reading
from worker.stages.publish import Prepared, PublishStage
from worker.stages.send import SendStage
from worker.stages.snapshot import SnapshotPolicy, SnapshotStage

Close = Callable[[], Awaitable[None]]
# Options of a connection that say which data it finds there.
_PLACE = ("account", "connection_name", "database", "schema", "host", "dbname")


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits that a test or the demo may shorten; production keeps these."""

    lag_seconds: float = 5.0
    release_seconds: float = 6.0
    drain_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class SnapshotRun:
    """One snapshot on command: of which model, whether to publish, whether guards may refuse."""

    model: str
    dry_run: bool = False
    pass_guards: bool = False


@dataclass(slots=True)
class PollRole:
    """Everything that polls: one stage per model, one account for all."""

    account: AccountStage
    polls: dict[str, PollStage]
    snapshots: dict[str, SnapshotStage[Prepared]]
    closers: list[Close]


@dataclass(slots=True)
class DeliverRole:
    """Everything that delivers: one pair of stages per sync."""

    consumes: dict[str, ConsumeStage] = field(default_factory=dict)
    delivers: dict[str, DeliverStage] = field(default_factory=dict)
    exists: dict[str, ExistStage] = field(default_factory=dict)
    closers: list[Close] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to deliver."""
        return all(consume.idle for consume in self.consumes.values())


class Roles:
    """Puts stages together for one process."""

    def __init__(
        self, parts: Parts, clock: Clock, meter: Meter, timing: Timing | None = None
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._clock = clock
        self._timing = timing or Timing()
        self._dice = random.Random()  # noqa: S311  # jitter, not secrets
        self.meter = meter
        self._paces: dict[tuple[str, str], PaceStage] = {}
        self._who_exists = WhoExists(parts, clock, meter)

    def poll(self, snapshot: SnapshotRun | None = None) -> PollRole:
        """Return the stages that poll every model, or the one model of a `snapshot` run."""
        parts = self._parts
        # A secret may have any length; the hash takes at most 64 bytes of key.
        secret = hashlib.blake2b(self._config.mqr.hash_key.read().encode()).digest()[:32]
        index, snapshots = parts.index()
        account = AccountStage(
            AccountPolicy(
                secrets.token_hex(8), mqr_policy(self._config.mqr), frozenset(self._config.models)
            ),
            parts.ledger(),
            index,
            self.meter,
        )
        schemas = parts.schemas()
        publish = PublishStage(
            account,
            parts.producer(),
            CatchUpStage(parts.model_log(), index, schemas, meter=self.meter),
            AdmitStage(account, index, schemas),
            CompareStage(index, snapshots),
            index,
            schemas,
            self._aside(),
            mqr_secret=secret,
            meter=self.meter,
        )
        sources = {name: parts.source(name) for name in self._config.sources}
        role = PollRole(account, {}, {}, [s.close for s in sources.values()])
        role.closers += [publish.close, account.close]
        for name, config in self._config.models.items():
            if snapshot is None or name == snapshot.model:
                this, source = model(name, self._config), sources[config.source]
                reading = self._reading(role, this, source, publish, snapshots, snapshot)
                role.polls[name] = self._poll_stage(this, source, reading)
        return role

    def _reading(
        self,
        role: PollRole,
        this: Model,
        source: Source,
        publish: PublishStage,
        snapshots: Snapshots,
        run: SnapshotRun | None,
    ) -> Reading:
        config = self._config.models[this.name]
        topic, clock, meter = self._parts.names.model(this.name), self._clock, self.meter
        if this.watermark is not None:
            window = window_policy(config)
            return FollowStage(this, topic, window, source, publish, clock=clock, meter=meter)
        policy = snapshot_policy(config, run)
        role.snapshots[this.name] = SnapshotStage(
            this, topic, policy, source, publish, snapshots, clock=clock, meter=meter
        )
        return role.snapshots[this.name]

    def _poll_stage(self, this: Model, source: Source, reading: Reading) -> PollStage:
        config = self._config.models[this.name]
        return PollStage(
            this,
            PollPolicy(
                schedules=self._config.schedules(this.name),
                settle_delay_seconds=config.settle_delay,
                forced_poll_seconds=config.forced_poll,
                probe_seconds=self._parts.settings.probe_seconds,
            ),
            source,
            reading,
            clock=self._clock,
            dice=self._dice,
            meter=self.meter,
        )

    def _aside(self) -> dict[str, list[DeadLetters]]:
        aside: dict[str, list[DeadLetters]] = {}
        for name, sync in self._config.syncs.items():
            aside.setdefault(sync.model, []).append(self._parts.dead_letters(name))
        return aside

    def deliver(self) -> DeliverRole:
        """Return the stages that deliver every sync; call it inside the running event loop."""
        schemas = self._parts.schemas()
        role = DeliverRole(closers=[schemas.close])
        for name in self._config.syncs:
            self._add_sync(role, name, schemas)
        return role

    def _add_sync(self, role: DeliverRole, name: str, schemas: Schemas) -> None:
        sync, parts = self._config.syncs[name], self._parts
        destination = parts.destination(name)
        limits = destination.limits
        persist = PersistStage(
            name,
            PersistPolicy(probe_seconds=parts.settings.probe_seconds),
            clock=self._clock,
            dice=self._dice,
            meter=self.meter,
        )
        dead_letters = parts.dead_letters(name)
        limit = DeadLetterLimit(sync.max_reject_share)
        clock, meter = self._clock, self.meter
        bury = BuryStage(name, limit, dead_letters, persist)
        interpret = InterpretStage(name, sync.mapping, schemas, destination)
        pace = self._pace(name, limits)
        exist = self._who_exists.stage(name, pace, persist)
        deliver = DeliverStage(
            name,
            DeliverPolicy(BatchPolicy(limits.max_rows, limits.max_bytes, sync.linger)),
            AcceptStage(name, interpret, bury, persist, clock=clock, meter=meter),
            SendStage(
                name,
                destination,
                limit,
                pace,
                persist,
                clock=clock,
                dice=self._dice,
                meter=meter,
            ),
            bury,
            clock=clock,
            meter=meter,
            entrance=exist,
        )
        role.delivers[name] = deliver
        if exist is not None:
            role.exists[name] = exist
            role.closers.append(exist.close)
        role.consumes[name] = ConsumeStage(
            name,
            self._consume_policy(),
            lambda: parts.consumer(name, self._timing.release_seconds + 2.0),
            deliver,
            pace,
            clock=self._clock,
            dice=self._dice,
            meter=self.meter,
        )
        role.closers += [destination.close, dead_letters.close]

    def _pace(self, name: str, limits: CallLimits) -> PaceStage:
        """Return the budget of a sync's calls: one for each endpoint of a destination."""
        destination = self._config.syncs[name].destination
        budget = (destination, limits.endpoint)
        if budget not in self._paces:
            # The most careful of the syncs that may call there decides.
            syncs = [s for s in self._config.syncs.values() if s.destination == destination]
            rate = RatePolicy(limits.calls_per_second, min(s.rate_share for s in syncs))
            turns = Turns(period_seconds=3 * self._timing.lag_seconds)
            self._paces[budget] = PaceStage(rate, turns, self._clock)
        return self._paces[budget]

    def _consume_policy(self) -> ConsumePolicy:
        return ConsumePolicy(
            lag_seconds=self._timing.lag_seconds,
            release_seconds=self._timing.release_seconds,
            drain_seconds=self._timing.drain_seconds,
            probe_seconds=self._parts.settings.probe_seconds,
        )


def mqr_policy(config: MqrConfig) -> MqrPolicy:
    """Return the contract as the rules know it."""
    return MqrPolicy(config.limit, config.on_limit, config.start_day, config.zone)


def window_policy(config: ModelConfig) -> WindowPolicy:
    """Return how a model is read by its watermark."""
    return WindowPolicy(
        config.overlap,
        config.settle_delay,
        config.max_rows_per_query,
        overlap_numbers=config.overlap_numbers,
    )


def snapshot_policy(config: ModelConfig, run: SnapshotRun | None) -> SnapshotPolicy:
    """Return what a snapshot may do; a run on command may pass the guards once."""
    guards = config.guards
    policy = GuardPolicy(guards.max_deleted, guards.max_changed, guards.max_blanked)
    if run is not None and run.pass_guards:
        policy = GuardPolicy(1.0, 1.0, 1.0)
    return SnapshotPolicy(policy, config.max_rows_per_query, publish=run is None or not run.dry_run)


def model(name: str, config: Config) -> Model:
    """Return a model as the source and the stages know it."""
    this = config.models[name]
    syncs = [sync for sync in config.syncs.values() if sync.model == name]
    identity = frozenset(column for sync in syncs for column in sync.match.values())
    mapped = frozenset(column for sync in syncs for column in sync.columns)
    ignored = {*this.ignore_changes_in}
    if this.is_snapshot and this.watermark:  # it moves with every build, the rows don't
        ignored.add(this.watermark)
    return Model(
        name=name,
        sql=this.sql,
        primary_key=this.primary_key,
        watermark=None if this.is_snapshot else this.watermark,
        watermark_zone=this.watermark_zone,
        watermark_unit=this.watermark_unit,
        partition_by=this.partition_by,
        ignore_changes_in=frozenset(ignored),
        change_tokens=tuple(this.change_tokens),
        needed_columns=identity | mapped,
        identity_columns=identity,
        origin=_origin(config.sources[this.source]),
    )


def _origin(source: SourceConfig) -> str:
    """Return the place a source reads from; how one gets there and in does not belong to it."""
    options = plain(source.connection)
    return "|".join([source.type, *(str(options.get(name, "")) for name in _PLACE)])
