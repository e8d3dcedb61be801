"""`hightide.yaml`: sources, models, destinations, syncs, kafka, mqr. Checked whole on load.

Every field's description is its documentation: docs/settings.md is made of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from worker.config.models import ModelConfig, SourceConfig
from worker.config.objects import SyncConfig
from worker.config.types import (
    Address,
    Name,
    Options,
    Seconds,
    Secret,
    Server,
    Strict,
    Zone,
    split_list,
    within,
)
from worker.rules.schedule import DAILY, Schedule


class DestinationConfig(Strict):
    """A system that is written."""

    type: Literal["iterable"] = Field(description="the kind of destination")
    region: Literal["us", "eu"] | None = Field(default=None, description="Iterable data center")
    base_url: Address | None = Field(
        default=None, description="instead of region: https, or http on loopback only"
    )
    api_key: Secret = Field(description="server-side key, `{file: PATH}` or `{env: NAME}`")
    project_type: Literal["email", "userId", "hybrid"] = Field(
        default="email", description="the type Iterable shows for the project"
    )


class RegistryConfig(Strict):
    """A Confluent-compatible schema registry."""

    url: Address = Field(description="e.g. https://registry:8081")
    username: str | None = Field(default=None, description="for basic authentication")
    password: Secret | None = Field(default=None, description="for basic authentication")


class KafkaConfig(Strict):
    """The cluster that holds the topics."""

    bootstrap_servers: Annotated[list[Server], BeforeValidator(split_list)] = Field(
        min_length=1, description="host:port, one or more"
    )
    security: Options = Field(
        default={},
        description="options of kafka-python, passed through: security_protocol, sasl_mechanism, "
        "sasl_plain_username, sasl_plain_password, ssl_cafile, …",
    )
    topic_prefix: Name = Field(
        default="hightide", description="first part of every topic and group name"
    )
    partitions: int = Field(default=6, ge=1, le=1000, description="of a model's topic")
    replication_factor: int = Field(
        default=-1, ge=-1, description="of topics that are created; -1: the cluster's default"
    )
    create_topics: bool = Field(default=True, description="create missing topics at start")
    assignor: Literal["cooperative", "range"] = Field(
        default="cooperative", description="how partitions are shared among deliver processes"
    )
    # Kafka's own bounds are the brokers' settings; below a second no heartbeat fits in.
    session_timeout: Annotated[Seconds, AfterValidator(within(1, 1_800))] = Field(
        default=10.0,
        description="after this long a silent deliver process is replaced (10s)",
    )
    schema_registry: RegistryConfig | None = Field(
        default=None, description="without one, schema ids come from the topic hightide.schemas"
    )


class MqrConfig(Strict):
    """The contract on monthly queried records."""

    limit: int = Field(default=1_500_000, ge=0, description="distinct keys per billing period")
    on_limit: Literal["stop", "warn"] = Field(
        default="stop", description="stop: not one row more; warn: go on"
    )
    start_day: int = Field(default=1, ge=1, le=31, description="day of month a period starts on")
    zone: Zone = Field(default="UTC", description="time zone of the billing period")
    hash_key: Secret = Field(description="secret under which counted keys are hashed")


class Config(Strict):
    """The whole file."""

    sources: dict[Name, SourceConfig] = Field(min_length=1)
    models: dict[Name, ModelConfig] = Field(min_length=1)
    destinations: dict[Name, DestinationConfig] = Field(min_length=1)
    syncs: dict[Name, SyncConfig] = Field(min_length=1)
    kafka: KafkaConfig
    mqr: MqrConfig

    def rate_share(self, destination: str) -> float:
        """Return the share of a destination's limits that is used: its most careful sync's."""
        return min(s.rate_share for s in self.syncs.values() if s.destination == destination)

    def schedules(self, model: str) -> tuple[Schedule, ...]:
        """Return when a model is polled: what its syncs say, daily when it has none."""
        return tuple(s.schedule for s in self.syncs.values() if s.model == model) or (DAILY,)
