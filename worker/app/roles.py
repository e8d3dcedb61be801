"""The roles: parts and stages put together.

poll role     source ⇒ PollStage ⇒ PublishStage (+ AccountStage) ⇒ topic
deliver role  topic ⇒ ConsumeStage ⇒ DeliverStage ⇒ SendStage ⇒ destination
"""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from connectors.ports import Schemas
from connectors.records import Model
from worker.app.parts import Parts
from worker.clock import Clock
from worker.config.syncs import ModelConfig, MqrConfig
from worker.observe.meter import Meter
from worker.rules.batching import BatchPolicy
from worker.rules.mapping import MappingPolicy
from worker.rules.mqr import MqrPolicy
from worker.rules.outcomes import DeadLetterLimit
from worker.rules.rate_limit import RatePolicy
from worker.rules.window import WindowPolicy
from worker.stages.account import AccountPolicy, AccountStage
from worker.stages.consume import ConsumePolicy, ConsumeStage
from worker.stages.deliver import DeliverPolicy, DeliverStage
from worker.stages.interpret import InterpretStage
from worker.stages.persist import PersistPolicy, PersistStage
from worker.stages.poll import PollPolicy, PollStage
from worker.stages.publish import Prepared, PublishStage
from worker.stages.send import SendStage

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits that a test or the demo may shorten; production keeps these."""

    lag_seconds: float = 5.0
    release_seconds: float = 6.0
    drain_seconds: float = 15.0


@dataclass(slots=True)
class PollRole:
    """Everything that polls: one stage per model, one account for all."""

    account: AccountStage
    polls: dict[str, PollStage[Prepared]]
    closers: list[Close]


@dataclass(slots=True)
class DeliverRole:
    """Everything that delivers: one pair of stages per sync."""

    consumes: dict[str, ConsumeStage] = field(default_factory=dict)
    delivers: dict[str, DeliverStage] = field(default_factory=dict)
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

    def poll(self) -> PollRole:
        """Return the stages that poll every model."""
        parts = self._parts
        # A secret may have any length; the hash takes at most 64 bytes of key.
        secret = hashlib.blake2b(self._config.mqr.hash_key.read().encode()).digest()[:32]
        index = parts.index()
        account = AccountStage(
            AccountPolicy(
                secrets.token_hex(8), mqr_policy(self._config.mqr), frozenset(self._config.models)
            ),
            parts.ledger(),
            index,
            self.meter,
        )
        publish = PublishStage(
            account,
            parts.producer(),
            parts.model_log(),
            index,
            parts.schemas(),
            mqr_secret=secret,
            meter=self.meter,
        )
        sources = {name: parts.source(name) for name in self._config.sources}
        polls = {
            name: PollStage(
                model(name, config, self._mapped_columns(name)),
                self._poll_policy(name, config),
                sources[config.source],
                publish,
                clock=self._clock,
                dice=self._dice,
                meter=self.meter,
            )
            for name, config in self._config.models.items()
        }
        closers = [source.close for source in sources.values()]
        return PollRole(account, polls, [*closers, publish.close, account.close])

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
        [match_column] = sync.match.values()
        persist = PersistStage(
            name,
            PersistPolicy(probe_seconds=parts.settings.probe_seconds),
            clock=self._clock,
            dice=self._dice,
            meter=self.meter,
        )
        dead_letters = parts.dead_letters(name)
        mapping = MappingPolicy(match_column, sync.fields, sync.nulls)
        rate = RatePolicy(limits.calls_per_second, sync.rate_share)
        deliver = DeliverStage(
            name,
            DeliverPolicy(
                BatchPolicy(limits.max_rows, limits.max_bytes, sync.linger),
                dead_letter_limit=DeadLetterLimit(sync.max_reject_share),
            ),
            InterpretStage(name, mapping, schemas, destination.encode),
            SendStage(name, destination, rate, persist, clock=self._clock, meter=self.meter),
            dead_letters,
            persist,
            clock=self._clock,
            meter=self.meter,
        )
        role.delivers[name] = deliver
        role.consumes[name] = ConsumeStage(
            name,
            self._consume_policy(),
            lambda: parts.consumer(name, self._timing.release_seconds + 2.0),
            deliver,
            clock=self._clock,
            dice=self._dice,
            meter=self.meter,
        )
        role.closers += [destination.close, dead_letters.close]

    def _consume_policy(self) -> ConsumePolicy:
        return ConsumePolicy(
            lag_seconds=self._timing.lag_seconds,
            release_seconds=self._timing.release_seconds,
            drain_seconds=self._timing.drain_seconds,
            probe_seconds=self._parts.settings.probe_seconds,
        )

    def _mapped_columns(self, model_name: str) -> frozenset[str]:
        return frozenset(
            column
            for sync in self._config.syncs.values()
            if sync.model == model_name
            for column in (*sync.match.values(), *sync.fields.values())
        )

    def _poll_policy(self, name: str, config: ModelConfig) -> PollPolicy:
        every = [s.every for s in self._config.syncs.values() if s.model == name]
        return PollPolicy(
            topic=self._parts.names.model(name),
            interval_seconds=min(every, default=86_400.0),
            window=WindowPolicy(config.overlap, config.settle_delay, config.max_rows_per_query),
            forced_poll_seconds=config.forced_poll,
            probe_seconds=self._parts.settings.probe_seconds,
        )


def mqr_policy(config: MqrConfig) -> MqrPolicy:
    """Return the contract as the rules know it."""
    return MqrPolicy(config.limit, config.on_limit, config.start_day, config.zone)


def model(name: str, config: ModelConfig, needed_columns: frozenset[str] = frozenset()) -> Model:
    """Return a model as the source and the stages know it."""
    return Model(
        name=name,
        sql=config.sql,
        primary_key=config.primary_key,
        watermark=config.watermark,
        watermark_zone=config.watermark_zone,
        partition_by=config.partition_by,
        ignore_changes_in=frozenset(config.ignore_changes_in),
        change_tokens=tuple(config.change_tokens),
        needed_columns=needed_columns,
    )
