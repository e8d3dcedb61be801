"""What the project takes for granted of consumer groups, tried on this run's broker.

Each member has a thread of its own: two consumers polled in turn by one thread can wait for
each other for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self

import pytest
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import TopicPartition as Partition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata

from tests.topics import create_topic, ends, send, wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def admin(kafka_bootstrap: str) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as client:
        yield client


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[KafkaProducer]:
    client = KafkaProducer(
        bootstrap_servers=kafka_bootstrap, acks="all", enable_idempotence=True, linger_ms=5
    )
    with closing(client):
        yield client


def test_a_member_that_joins_takes_partitions_and_none_is_lost(
    kafka_bootstrap: str,
    kafka_kind: str,
    producer: KafkaProducer,
    admin: KafkaAdminClient,
    topic_prefix: str,
) -> None:
    """Cooperative: all read, kept partitions stay, the commit on revoke makes none read twice."""
    if kafka_kind == "embedded":
        pytest.skip("the stand-in loses partitions with the cooperative assignor")
    topic, group = f"{topic_prefix}coop", f"{topic_prefix}group"
    create_topic(kafka_bootstrap, topic, partitions=6)
    with Member(kafka_bootstrap, group, topic) as first:
        wait_until(lambda: len(first.assigned) == 6)
        send(producer, topic, 300)
        with Member(kafka_bootstrap, group, topic) as second:
            while not (len(first.assigned) == len(second.assigned) == 3):
                send(producer, topic, 60)
            send(producer, topic, 300)
            sent = ends(admin, topic, 6)
            wait_until(lambda: len(first.read) + len(second.read) >= sum(sent.values()))
            kept, moved, revoked = first.assigned, second.assigned, frozenset(first.revoked)

    assert moved == revoked
    assert kept | moved == {Partition(topic, number) for number in range(6)}
    every = [(partition, offset) for partition, end in sent.items() for offset in range(end)]
    assert sorted(every) == sorted(first.read + second.read)
    assert first.errors + second.errors == []


def test_commit_async_in_a_revocation_is_done_before_the_next_owner_reads(
    kafka_bootstrap: str, producer: KafkaProducer, admin: KafkaAdminClient, topic_prefix: str
) -> None:
    """A sync listener may commit without blocking; closing a consumer runs the revocation too."""
    topic, group = f"{topic_prefix}revoke", f"{topic_prefix}group"
    create_topic(kafka_bootstrap, topic)
    send(producer, topic, 50)

    with Member(kafka_bootstrap, group, topic) as member:
        wait_until(lambda: len(member.read) == 50)

    assert member.errors == []
    assert admin.list_group_offsets({group: None})[group][Partition(topic, 0)].offset == 50


def test_a_join_that_outlives_a_poll_is_lost_without_the_guard(
    kafka_bootstrap: str, kafka_kind: str, admin: KafkaAdminClient, topic_prefix: str
) -> None:
    """kafka-python 3.0.12 forgets such a join for ever; finish_join makes it go on.

    A leader that rejoins because a topic's partitions became known or changed, and whose poll
    times out between its assignment and SyncGroup's answer, gets no partitions and sends no
    heartbeats, and nothing says so.
    """
    if kafka_kind == "embedded":
        pytest.skip("tried on a real Kafka only")
    topic = f"{topic_prefix}lost"
    create_topic(kafka_bootstrap, topic)
    consumer = KafkaConsumer(
        bootstrap_servers=kafka_bootstrap,
        group_id=f"{topic_prefix}group",
        enable_auto_commit=False,
        metadata_max_age_ms=200,
    )
    joins = consumer._coordinator
    with closing(consumer):
        consumer.partitions_for_topic(topic)  # so that the first join already knows the topic
        consumer.subscribe([topic])
        wait_until(lambda: _owned(consumer) == 1)
        with _slow_assignments(consumer, seconds=0.3):
            admin.create_partitions({topic: 2})
            wait_until(lambda: _owned(consumer) == 1 and _is_stuck(consumer))
        for _ in range(10):
            _owned(consumer)
        assert joins.rejoining, "kafka-python finishes the join by itself now: drop the guard"

        def owns_both() -> bool:
            finish_join(consumer)
            return _owned(consumer) == 2

        wait_until(owns_both)


class Member:
    """A consumer of a group in a thread of its own; it commits what it read when revoked."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self.read: list[tuple[Partition, int]] = []
        self.revoked: list[Partition] = []
        self.errors: list[BaseException] = []
        self.next_offsets: dict[Partition, int] = {}
        self.assigned: frozenset[Partition] = frozenset()
        self._wanted = (bootstrap, group, topic)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=20)

    def _run(self) -> None:
        bootstrap, group, topic = self._wanted
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=300,
            partition_assignment_strategy=[CooperativeStickyAssignor()],
        )
        with closing(consumer):
            consumer.subscribe([topic], listener=_CommitOnRevoke(self, consumer))
            while not self._stop.is_set():
                finish_join(consumer)
                for partition, records in consumer.poll(timeout_ms=100).items():
                    self.read += [(partition, record.offset) for record in records]
                    self.next_offsets[partition] = records[-1].offset + 1
                self.assigned = frozenset(consumer.assignment())


class _CommitOnRevoke(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka ships no types
    def __init__(self, member: Member, consumer: KafkaConsumer) -> None:
        self._member, self._consumer = member, consumer

    def on_partitions_assigned(self, assigned: list[Partition]) -> None:
        """Nothing: positions come from the committed offsets."""

    def on_partitions_revoked(self, revoked: list[Partition]) -> None:
        try:
            self._member.revoked += revoked
            offsets = {
                partition: OffsetAndMetadata(self._member.next_offsets[partition], "", -1)
                for partition in revoked
                if partition in self._member.next_offsets
            }
            self._consumer.commit_async(offsets)
        except BaseException as error:  # noqa: BLE001 - the client would only log it
            self._member.errors.append(error)


def finish_join(consumer: KafkaConsumer) -> None:
    """Before each poll: a join in flight must be awaited, whatever the metadata say by now.

    Java's client has this since KAFKA-9815; kafka-python only has private names for it.
    """
    if consumer._coordinator._join_task is not None:
        consumer._coordinator.request_rejoin()


def _is_stuck(consumer: KafkaConsumer) -> bool:
    joins = consumer._coordinator
    return bool(joins.rejoining and joins._join_task.is_done and not joins.need_rejoin())


def _owned(consumer: KafkaConsumer) -> int:
    consumer.poll(timeout_ms=100)
    return len(consumer.assignment())


@contextmanager
def _slow_assignments(consumer: KafkaConsumer, seconds: float) -> Iterator[None]:
    """Make the leader's assignment last longer than a poll, as a busy machine may."""
    assign = consumer._coordinator._perform_assignment

    def slowly(*arguments: object) -> object:
        made = assign(*arguments)
        threading.Event().wait(seconds)
        return made

    consumer._coordinator._perform_assignment = slowly
    yield
    consumer._coordinator._perform_assignment = assign
