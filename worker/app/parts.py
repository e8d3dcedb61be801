"""The parts: one configuration in, connectors out. The only file that names concrete systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from connectors.errors import ConfigurationError
from connectors.iterable.client import IterableClient
from connectors.iterable.directory import IterableDirectory
from connectors.iterable.events import EventsPolicy, IterableEvents
from connectors.iterable.fields import IterableFields
from connectors.iterable.lists import IterableLists, ListsPolicy
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.kafka.admin import KafkaAdmin
from connectors.kafka.connection import KafkaConnection, require_fast_crc32c
from connectors.kafka.consumer import GroupPolicy, KafkaGroupConsumer
from connectors.kafka.dead_letters import KafkaDeadLetters
from connectors.kafka.ledger import KafkaLedger
from connectors.kafka.log import KafkaModelLog
from connectors.kafka.producer import KafkaChangeProducer
from connectors.kafka.registry import ConfluentSchemas
from connectors.kafka.schemas import TopicSchemas
from connectors.kafka.topics import (
    Topic,
    TopicNames,
    dead_letter_spec,
    ledger_spec,
    model_spec,
    schemas_spec,
)
from connectors.ports import (
    Consumer,
    DeadLetters,
    Destination,
    Directory,
    Index,
    Ledger,
    ModelLog,
    Producer,
    Schemas,
    Snapshots,
    Source,
)
from connectors.sqlite.index import SqliteIndex
from connectors.sqlite.snapshots import SqliteSnapshots
from worker.app.own_source import own_source
from worker.clock import SystemClock
from worker.config.document import ConfigError
from worker.config.load import base_url
from worker.config.objects import EventsSync, ListsSync, UsersSync, existence_of
from worker.config.secrets import SecretRef, plain, resolve
from worker.config.settings import Settings
from worker.config.syncs import Config

if TYPE_CHECKING:
    from connectors.postgres.source import PostgresSource
    from connectors.snowflake.source import SnowflakeSource

    _fit: tuple[type[Source], ...] = (SnowflakeSource, PostgresSource)

# Imported when one is used: together they take 40 MB and a second to start, in deliver for nothing.
SOURCES = {
    "snowflake": "connectors.snowflake.source:SnowflakeSource",
    "postgres": "connectors.postgres.source:PostgresSource",
}


class Parts:
    """Builds connectors; nothing connects before it is used."""

    def __init__(self, config: Config, settings: Settings) -> None:
        require_fast_crc32c()
        self.config = config
        self.settings = settings
        self.names = TopicNames(config.kafka.topic_prefix)
        security = config.kafka.security
        self.kafka = KafkaConnection(
            tuple(config.kafka.bootstrap_servers),
            plain(security),
            secrets=lambda: _secrets(security),
        )

    def source(self, name: str) -> Source:
        """Return a source by its name in the configuration; ConfigError when there is none."""
        source = self.config.sources[name]
        options, secrets = plain(source.connection), partial(_secrets, source.connection)
        return own_source(SOURCES.get(source.type, source.type), options, secrets)

    def schemas(self) -> Schemas:
        """Return where schema ids come from."""
        registry = self.config.kafka.schema_registry
        if registry is None:
            return TopicSchemas(self.kafka, self.names.schemas)
        password = registry.password.read() if registry.password else ""
        return ConfluentSchemas(registry.url, registry.username, password)

    def destination(self, sync_name: str) -> Destination:
        """Return the destination of a sync, for its object and mode."""
        sync = self.config.syncs[sync_name]
        config = self.config.destinations[sync.destination]
        [match] = sync.match
        client = self._iterable(sync.destination)
        match sync:
            case UsersSync():
                project = config.project_type
                existence = existence_of(sync, project)
                users = UsersPolicy(
                    sync.mode, match, project, existence, sync.merge_nested, sync.create_fields
                )
                return IterableUsers(client, users)
            case EventsSync():
                has_id = sync.event_id is not None
                events = EventsPolicy(
                    sync.event_name, sync.model, match, has_id, sync.create_fields
                )
                return IterableEvents(client, events)
            case ListsSync():
                lists = ListsPolicy(
                    sync.list, sync.mode, match, config.project_type, sync.create_profiles
                )
                return IterableLists(client, lists, SystemClock.monotonic)

    def field_types(self, sync_name: str) -> IterableFields | None:
        """Return where the types of a sync's fields are asked for; events have none to ask for."""
        sync = self.config.syncs[sync_name]
        if isinstance(sync, EventsSync):
            return None
        return IterableFields(self._iterable(sync.destination))

    def directory(self, sync_name: str) -> Directory:
        """Return where a sync asks who exists at its destination."""
        sync = self.config.syncs[sync_name]
        [match] = sync.match
        return IterableDirectory(self._iterable(sync.destination), match)

    def _iterable(self, destination: str) -> IterableClient:
        config = self.config.destinations[destination]
        return IterableClient(base_url(config), _key(config.api_key))

    def index(self) -> tuple[Index, Snapshots]:
        """Return the local index, in the state directory, and where snapshots wait beside it."""
        index = SqliteIndex(self.settings.state_dir / "index.sqlite")
        return index, SqliteSnapshots(index)

    def ledger(self) -> Ledger:
        return KafkaLedger(self.kafka, self.names.ledger)

    def producer(self) -> Producer:
        return KafkaChangeProducer(self.kafka)

    def model_log(self) -> ModelLog:
        return KafkaModelLog(self.kafka)

    def dead_letters(self, sync: str) -> DeadLetters:
        return KafkaDeadLetters(self.kafka, self.names.dead_letters(sync))

    def admin(self) -> KafkaAdmin:
        return KafkaAdmin(self.kafka)

    def consumer(self, sync: str, release_seconds: float) -> Consumer:
        """Return a new member of a sync's group; call it inside the running event loop."""
        kafka = self.config.kafka
        cooperative = kafka.assignor == "cooperative"
        assignor = CooperativeStickyAssignor() if cooperative else RangePartitionAssignor
        policy = GroupPolicy(
            group=self.names.group(sync),
            topic=self.names.model(self.config.syncs[sync].model),
            assignors=(assignor,),
            session_timeout_ms=int(kafka.session_timeout * 1000),
            release_seconds=release_seconds,
        )
        return KafkaGroupConsumer(self.kafka, policy)

    def topics(self) -> list[Topic]:
        """Return every topic the configuration needs, with its settings."""
        names, partitions = self.names, self.config.kafka.partitions
        wanted = [ledger_spec(names.ledger)]
        if self.config.kafka.schema_registry is None:
            wanted.append(schemas_spec(names.schemas))
        wanted += [
            model_spec(names.model(n), partitions, snapshot=m.is_snapshot)
            for n, m in self.config.models.items()
        ]
        wanted += [dead_letter_spec(names.dead_letters(n), partitions) for n in self.config.syncs]
        return wanted

    async def prepare_topics(self) -> list[str]:
        """Create missing topics where that is wanted; ConfigurationError when some are missing."""
        admin = self.admin()
        try:
            wanted = self.topics()
            if self.config.kafka.create_topics:
                return await admin.create(wanted, self.config.kafka.replication_factor)
            there = await admin.topics()
            if missing := [t.name for t in wanted if t.name not in there]:
                raise ConfigurationError(
                    f"topics missing on Kafka at {self.kafka.where()}: {', '.join(missing)}; "
                    "create them, or set kafka.create_topics: true",
                    kind="topic_missing",
                )
            return []
        finally:
            await admin.close()

    async def delete_topics(self) -> None:
        """Delete every topic of this configuration: for the demo, whose topics are its own."""
        admin = self.admin()
        try:
            await admin.delete([topic.name for topic in self.topics()])
        finally:
            await admin.close()


def _secrets(options: Mapping[str, object]) -> Mapping[str, object]:
    try:
        return resolve(options)
    except ConfigError as error:
        raise ConfigurationError(str(error), kind="secret") from None


def _key(secret: SecretRef) -> Callable[[], str]:
    def read() -> str:
        try:
            key = secret.read()
        except ConfigError as error:
            raise ConfigurationError(str(error), kind="secret") from None
        if not key.isprintable():  # it becomes a header
            raise ConfigurationError("the API key holds a line break or worse", kind="secret")
        return key

    return read
