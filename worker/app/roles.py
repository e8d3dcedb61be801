"""The roles: parts and stages put together.

poll role     source ⇒ PollStage ⇒ PublishStage (+ AccountStage) ⇒ topic
deliver role  topic ⇒ ConsumeStage ⇒ (ExistStage) ⇒ DeliverStage ⇒ SendStage ⇒ destination
"""

from __future__ import annotations

import hashlib
import random
import secrets
from dataclasses import dataclass

from connectors.ports import DeadLetters, Snapshots, Source
from connectors.records import Model
from worker.app.deliver_role import Close, Delivering, DeliverRole, Timing
from worker.app.parts import Parts
from worker.clock import Clock
from worker.config.models import ModelConfig, SourceConfig
from worker.config.secrets import plain
from worker.config.syncs import Config, MqrConfig
from worker.observe.meter import Meter
from worker.rules.guards import GuardPolicy
from worker.rules.mqr import MqrPolicy
from worker.rules.window import WindowPolicy
from worker.stages.account import AccountPolicy, AccountStage
from worker.stages.admit import AdmitStage
from worker.stages.catch_up import CatchUpStage
from worker.stages.compare import CompareStage
from worker.stages.follow import FollowStage
from worker.stages.poll import PollPolicy, PollStage, Reading
from worker.stages.publish import Prepared, PublishStage
from worker.stages.snapshot import SnapshotPolicy, SnapshotStage

# Options of a connection that say which data it finds there.
_PLACE = ("account", "connection_name", "database", "schema", "host", "dbname")


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
        return Delivering(self._parts, self._timing, self._clock, self._dice, self.meter).role()


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
