"""`hightide.yaml`: sources, models, destinations, syncs, kafka, mqr. Checked whole on load.

Every field's description is its documentation: docs/settings.md is made of them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from worker.config.secrets import SecretRef, literal_secret
from worker.rules.mapping import RESERVED_FIELDS
from worker.rules.schedule import parse_interval


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_literal_secret(options: dict[str, Any]) -> dict[str, Any]:
    if name := literal_secret(options):
        raise ValueError(f"{name} is a secret: write {{file: PATH}} or {{env: NAME}} instead of it")
    return options


def _reference(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("is a secret: write {file: PATH} or {env: NAME} instead of it")  # noqa: TRY004  # pydantic wants ValueError
    return value


def parse_seconds(value: object) -> object:
    """Return the seconds of an interval that is written as text."""
    return parse_interval(value) if isinstance(value, str) else value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone; write one like UTC or America/Los_Angeles") from None
    return value


def _name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value) is None:
        raise ValueError("a name holds letters, digits, '.', '_' and '-', at most 100")
    return value


def _list(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0)]
Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, AfterValidator(_name)]
Options = Annotated[dict[str, Any], AfterValidator(_no_literal_secret)]
Secret = Annotated[SecretRef, BeforeValidator(_reference)]


class SourceConfig(_Strict):
    """A system that is read."""

    type: Literal["snowflake"] = Field(description="the kind of source")
    connection: Options = Field(
        description="options of snowflake-connector-python, passed through: account, user, role, "
        "warehouse, database, schema, authenticator, private_key_file, host, port, protocol, …"
    )


class ModelConfig(_Strict):
    """One SELECT with a primary key and a change column."""

    source: str = Field(description="name of the source it is read from")
    sql: str = Field(min_length=1, description="the SELECT; exactly one statement")
    primary_key: str = Field(description="column that identifies a row, as the query names it")
    watermark: str = Field(description="timestamp column that grows when a row changes")
    watermark_zone: Literal["UTC"] | None = Field(
        default=None, description="needed when the watermark is a TIMESTAMP_NTZ: only UTC"
    )
    partition_by: str | None = Field(
        default=None,
        description="column whose rows must stay in order across keys, e.g. the user id when the "
        "key is made of the e-mail address; default: the primary key",
    )
    ignore_changes_in: list[str] = Field(
        default=[], description="columns whose change alone is no change of the row"
    )
    change_tokens: list[str] = Field(
        default=[],
        description="tables or views to ask for a change before the model is queried at all",
    )
    overlap: Seconds = Field(
        default=900.0, description="how far below the watermark each poll reads again (15m)"
    )
    settle_delay: Seconds = Field(
        default=30.0, description="how far behind Snowflake's clock a poll stops reading (30s)"
    )
    forced_poll: Seconds = Field(
        default=21_600.0, description="query at least this often though no token moved (6h)"
    )
    max_rows_per_query: int = Field(
        default=500_000, ge=1, description="most rows one statement returns"
    )


class DestinationConfig(_Strict):
    """A system that is written."""

    type: Literal["iterable"] = Field(description="the kind of destination")
    region: Literal["us", "eu"] | None = Field(default=None, description="Iterable data center")
    base_url: str | None = Field(
        default=None, description="instead of region: https, or http on loopback only"
    )
    api_key: Secret = Field(description="server-side key, `{file: PATH}` or `{env: NAME}`")
    project_type: Literal["email", "userId", "hybrid"] = Field(
        default="email", description="the type Iterable shows for the project"
    )


class SyncConfig(_Strict):
    """A model to a destination."""

    model: str = Field(description="name of the model")
    destination: str = Field(description="name of the destination")
    object: Literal["users"] = Field(description="what a row becomes there")
    mode: Literal["upsert", "update"] = Field(
        description="upsert creates profiles, update never does"
    )
    every: Seconds = Field(
        default=86_400.0, gt=0, description="how often the model is polled (24h)"
    )
    match: dict[Literal["email", "userId"], str] = Field(
        min_length=1, max_length=1, description="profile identifier: the column that holds it"
    )
    fields: dict[str, str] = Field(min_length=1, description="profile field: column")
    nulls: Literal["clear", "keep"] = Field(
        default="clear", description="what a NULL does to the field: remove it, or leave it"
    )
    rate_share: float = Field(
        default=0.9, gt=0, le=1, description="share of Iterable's published limit that is used"
    )
    linger: Seconds = Field(
        default=0.5, description="how long a row waits for others to fill its call (0.5s)"
    )
    max_reject_share: float = Field(
        default=0.2, ge=0, le=1, description="share of rejected rows above which the sync stops"
    )


class RegistryConfig(_Strict):
    """A Confluent-compatible schema registry."""

    url: str = Field(description="e.g. https://registry:8081")
    username: str | None = Field(default=None, description="for basic authentication")
    password: Secret | None = Field(default=None, description="for basic authentication")


class KafkaConfig(_Strict):
    """The cluster that holds the topics."""

    bootstrap_servers: Annotated[list[str], BeforeValidator(_list)] = Field(
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
    session_timeout: Seconds = Field(
        default=10.0, description="after this long a silent deliver process is replaced (10s)"
    )
    schema_registry: RegistryConfig | None = Field(
        default=None, description="without one, schema ids come from the topic hightide.schemas"
    )


class MqrConfig(_Strict):
    """The contract on monthly queried records."""

    limit: int = Field(default=1_500_000, ge=0, description="distinct keys per billing period")
    on_limit: Literal["stop", "warn"] = Field(
        default="stop", description="stop: not one row more; warn: go on"
    )
    start_day: int = Field(default=1, ge=1, le=31, description="day of month a period starts on")
    zone: Zone = Field(default="UTC", description="time zone of the billing period")
    hash_key: Secret = Field(description="secret under which counted keys are hashed")


class Config(_Strict):
    """The whole file."""

    sources: dict[Name, SourceConfig] = Field(min_length=1)
    models: dict[Name, ModelConfig] = Field(min_length=1)
    destinations: dict[Name, DestinationConfig] = Field(min_length=1)
    syncs: dict[Name, SyncConfig] = Field(min_length=1)
    kafka: KafkaConfig
    mqr: MqrConfig


def reserved_field(sync: SyncConfig) -> str | None:
    """Return a mapped field that belongs to Iterable, if there is one."""
    for name in sync.fields:
        if name in RESERVED_FIELDS or name.startswith(("subscribed", "unsubscribed")):
            return name
    return None
