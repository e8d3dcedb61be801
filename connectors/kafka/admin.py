"""Questions about and changes to the cluster: topics, groups, offsets. Blocking calls, bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec, OffsetTimestamp
from kafka.errors import NoError, TopicAlreadyExistsError, for_code

from connectors.errors import ConfigurationError, RetryableError
from connectors.kafka.connection import REQUEST_TIMEOUT_MS, KafkaConnection, OwnedClient, build
from connectors.kafka.log import LogReader
from connectors.kafka.topics import Topic, misfit


@dataclass(frozen=True, slots=True)
class GroupState:
    """A consumer group: how many members are in it, and the offsets it has committed."""

    members: int
    committed: Mapping[int, int]


class KafkaAdmin:
    """The cluster as an operator sees it."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._where = connection.where()
        self._owned = OwnedClient(connection, "admin", _new_admin, lambda client: client.close())
        self._reader = LogReader(connection, "admin-log")

    async def topics(self) -> frozenset[str]:
        """Return the names of the topics that exist and that we may see."""
        return await self._owned.run("listing topics", lambda c: frozenset(c.list_topics()))

    async def create(self, topics: Sequence[Topic], replication: int) -> list[str]:
        """Create those of `topics` that are missing; return their names."""
        there = await self.topics()
        missing = [t for t in topics if t.name not in there]
        if missing:
            wanted = {
                t.name: {
                    "num_partitions": t.partitions,
                    "replication_factor": replication,
                    "configs": dict(t.settings),
                }
                for t in missing
            }
            await self._owned.run("creating topics", lambda c: _create(c, wanted))
        return [t.name for t in missing]

    async def delete(self, names: Sequence[str]) -> None:
        """Delete those of the topics that exist, with everything in them."""
        there = await self.topics()
        gone = [name for name in names if name in there]
        if gone:
            await self._owned.run("deleting topics", lambda c: c.delete_topics(gone))

    async def misfits(self, topics: Sequence[Topic]) -> list[str]:
        """Return what is wrong with those of `topics` that exist."""
        return await self._owned.run("describing topics", lambda c: _misfits(c, topics))

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the offset after the last record of each partition."""
        return await self._reader.end_offsets(topic)

    async def offsets_at(self, topic: str, at_ms: int | None) -> dict[int, int]:
        """Return the first offset at or after a time in each partition; None: the earliest."""
        return await self._reader.offsets_at(topic, at_ms)

    async def group(self, group: str, topic: str) -> GroupState:
        """Return a group's members and its committed offsets on a topic."""
        return await self._owned.run("describing a group", lambda c: _group(c, group, topic))

    async def move_group(
        self, group: str, topic: str, partitions: Sequence[int], to_ms: int | None
    ) -> dict[int, int]:
        """Set an empty group's offsets to a time, or to the earliest record; return them.

        Raises ConfigurationError while the group has members: they would go on from where they
        are, and commit over it.
        """
        spec = OffsetSpec.EARLIEST if to_ms is None else OffsetTimestamp(to_ms)
        specs = {TopicPartition(topic, n): spec for n in partitions}
        done = await self._owned.run(
            "moving a group", lambda c: c.reset_group_offsets(group, specs)
        )
        failed = sorted(
            {r["error"].__name__ for r in done.values() if getattr(r["error"], "errno", 0) != 0}
        )
        if failed:
            raise ConfigurationError(
                f"group {group} could not be moved ({', '.join(failed)}): "
                "stop its deliver processes first",
                kind="group_not_empty",
            )
        return {p.partition: r["offset"] for p, r in done.items()}

    async def close(self) -> None:
        await self._owned.close()
        await self._reader.close()


def _new_admin(connection: KafkaConnection) -> Any:
    return build(KafkaAdminClient, **connection.options(), request_timeout_ms=REQUEST_TIMEOUT_MS)


def _create(client: Any, wanted: Mapping[str, Any]) -> None:
    answer = client.create_topics(dict(wanted), timeout_ms=REQUEST_TIMEOUT_MS, raise_errors=False)
    for topic in answer["topics"]:
        error = for_code(topic["error_code"])
        # Two processes that start at once both find it missing.
        if error not in {NoError, TopicAlreadyExistsError}:
            raise error(topic["name"])
    client.wait_for_topics(list(wanted), timeout_ms=REQUEST_TIMEOUT_MS)


def _misfits(client: Any, topics: Sequence[Topic]) -> list[str]:
    there = set(client.list_topics())
    known = {t.name: t for t in topics if t.name in there}
    if not known:
        return []
    counts = {t["name"]: len(t["partitions"]) for t in client.describe_topics(list(known))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, None) for name in known]
    found = client.describe_configs(resources, config_filter="all")["topic"]
    wrong: list[str] = []
    for name, topic in known.items():
        settings = {key: str(value["value"]) for key, value in found[name].items()}
        if (sentence := misfit(topic, counts[name], settings)) is not None:
            wrong.append(sentence)
    return wrong


def _group(client: Any, group: str, topic: str) -> GroupState:
    described = client.describe_groups([group])
    if group not in described:
        raise RetryableError("the group's coordinator is not known yet", kind="kafka_unavailable")
    members = described[group].get("members") or []
    offsets = client.list_group_offsets({group: None}).get(group, {})
    committed = {
        p.partition: o.offset for p, o in offsets.items() if p.topic == topic and o.offset >= 0
    }
    return GroupState(len(members), committed)
