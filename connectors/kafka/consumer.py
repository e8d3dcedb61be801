"""A member of a sync's consumer group: one thread owns the kafka-python consumer.

    owner thread    poll → events ──────────────► asyncio: Consumer.poll()
                    commands ◄────────────────── commit, lag
    IO thread       on_revoked: event, then waits ◄─ release(offsets), then commits them

kafka-python's consumer is not thread-safe, and its rebalance listener runs on its IO thread, where
a blocking commit is an error and `commit_async` is not. Paused partitions are polled all the same,
which keeps the membership; the pause is set again on every round, since a rebalance forgets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer

from connectors.kafka.connection import REQUEST_TIMEOUT_MS, KafkaConnection, build, translate
from connectors.kafka.group_lag import group_lag
from connectors.kafka.mended import mend_before_poll
from connectors.kafka.messages import message_of, partition_of, to_kafka
from connectors.kafka.reading import RESET, extent, read_on
from connectors.ports import Assigned, ConsumerEvent, GroupLag, Messages, Revoked
from connectors.records import Partition

CLOSE_MS = 5_000


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """How a member behaves in its group."""

    group: str
    topic: str
    assignors: tuple[Any, ...]
    max_poll_records: int = 500
    max_waiting_events: int = 4
    session_timeout_ms: int = 30_000
    release_seconds: float = 8.0


class KafkaGroupConsumer:
    """The Consumer port on kafka-python. Construct it inside the running event loop."""

    def __init__(self, connection: KafkaConnection, policy: GroupPolicy) -> None:
        self._connection = connection
        self._policy = policy
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[ConsumerEvent | Exception] = asyncio.Queue()
        # What is on its way to the loop counts too: a loop that is busy must not be flooded.
        self._waiting: deque[None] = deque()
        self._commands: queue.SimpleQueue[tuple[Callable[[Any], Any], Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._paused: frozenset[Partition] = frozenset()
        self._note = ""
        self._new: list[Any] = []
        self._released: Mapping[Partition, int] = {}
        self._release = threading.Event()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"hightide-consumer-{policy.group}", daemon=True
        )
        self._thread.start()

    async def poll(self, timeout_seconds: float) -> Sequence[ConsumerEvent]:
        """Return what happened, in order.

        Raises one of our errors once the client has failed; the consumer is then closed and a new
        one must be made.
        """
        try:
            first = await asyncio.wait_for(self._events.get(), timeout_seconds)
        except TimeoutError:
            return []
        found = [first]
        while not self._events.empty():
            found.append(self._events.get_nowait())
        for _ in found:
            self._waiting.popleft()
        for event in found:
            if isinstance(event, Exception):
                raise event
        return [event for event in found if not isinstance(event, Exception)]

    def pause(self, partitions: frozenset[Partition]) -> None:
        """Read nothing of these partitions, and of these only, until told otherwise."""
        self._paused = partitions

    def annotate(self, note: str) -> None:
        """Leave this note beside every offset of the topic's first partition that is committed."""
        self._note = note

    async def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Return once the group holds the offsets; RetryableError when that is not certain."""
        offsets = to_kafka(next_offsets, self._note)
        await self._command(
            "committing offsets", lambda c: c.commit(offsets, timeout_ms=REQUEST_TIMEOUT_MS)
        )

    async def lag(self) -> GroupLag:
        """Return how far the group is behind, all members together."""
        found: GroupLag = await self._command(
            "looking up the lag", lambda c: group_lag(c, self._policy.topic)
        )
        return found

    def release(self, next_offsets: Mapping[Partition, int]) -> None:
        """Answer a Revoked event: these offsets are committed and the partitions let go."""
        self._released = dict(next_offsets)
        self._release.set()

    async def close(self) -> None:
        """Leave the group; returns within seconds even when the broker is gone."""
        self._stop.set()
        self._release.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), CLOSE_MS / 1000 + 5)

    async def _command(self, doing: str, call: Callable[[Any], Any]) -> Any:
        future: Future[Any] = Future()
        self._commands.put((call, future))
        if self._over.is_set():  # nobody is left to answer it
            self._fail_commands()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), REQUEST_TIMEOUT_MS / 1000)
        except Exception as error:  # noqa: BLE001  # translate() raises what it does not know
            raise translate(error, doing, self._connection.where()) from None

    # --- below: the owner thread ---------------------------------------------------------------

    def _run(self) -> None:
        consumer: Any = None
        try:
            consumer = self._open()
            while not self._stop.is_set():
                self._round(consumer)
        except Exception as error:  # noqa: BLE001  # handed to the one who polls
            self._put(_as_ours(error, self._connection.where()))
        finally:
            self._stop.set()
            if consumer is not None:
                try:
                    consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
                except Exception as error:  # noqa: BLE001  # closing anyway; nothing depends on it
                    self._put(_as_ours(error, self._connection.where()))
            self._over.set()
            self._fail_commands()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._ended.set)

    def _open(self) -> Any:
        policy = self._policy
        consumer = build(
            KafkaConsumer,
            **self._connection.options(),
            group_id=policy.group,
            auto_offset_reset=RESET,
            enable_auto_commit=False,
            isolation_level="read_uncommitted",
            partition_assignment_strategy=policy.assignors,
            max_poll_records=policy.max_poll_records,
            session_timeout_ms=policy.session_timeout_ms,
            heartbeat_interval_ms=min(3_000, policy.session_timeout_ms // 3),
            request_timeout_ms=max(REQUEST_TIMEOUT_MS, policy.session_timeout_ms + 5_000),
            fetch_max_wait_ms=100,
            # What is fetched of a paused partition waits in memory, unpacked to four times as much.
            max_partition_fetch_bytes=512 * 1024,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        consumer.partitions_for_topic(policy.topic)  # metadata first: it spares a second join
        consumer.subscribe([policy.topic], listener=_Listener(self, consumer))
        return consumer

    def _round(self, consumer: Any) -> None:
        self._run_commands(consumer)
        ours = consumer.assignment()
        full = len(self._waiting) >= self._policy.max_waiting_events
        unwanted = {p for p in ours if full or partition_of(p) in self._paused}
        if resumed := consumer.paused() - unwanted:
            consumer.resume(*resumed)
        if unwanted:
            consumer.pause(*unwanted)
        mend_before_poll(consumer)
        found = read_on(consumer)
        self._announce(consumer, found)
        for partition, records in found.items():
            where = partition_of(partition)
            self._put(Messages(where, [message_of(where, record) for record in records]))

    def _announce(self, consumer: Any, found: Mapping[Any, Sequence[Any]]) -> None:
        # The listener runs inside poll(), which may already return records of new partitions:
        # their start is then the first of these records, not the position after them.
        new, self._new = [p for p in self._new if p in consumer.assignment()], []
        if not new:
            return
        starts, ends = extent(consumer, new, found)
        self._put(
            Assigned(
                {partition_of(p): offset for p, offset in starts.items()},
                {partition_of(p): offset for p, offset in ends.items()},
                len(consumer.partitions_for_topic(self._policy.topic) or ()),
            )
        )

    def _run_commands(self, consumer: Any) -> None:
        while True:
            try:
                call, future = self._commands.get_nowait()
            except queue.Empty:
                return
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call(consumer))
                except Exception as error:  # noqa: BLE001  # the one who asked gets it
                    future.set_exception(error)

    def _fail_commands(self) -> None:
        while True:
            try:
                _, future = self._commands.get_nowait()
            except queue.Empty:
                return
            if future.set_running_or_notify_cancel():
                future.set_exception(TimeoutError("the consumer is closed"))

    def _put(self, event: ConsumerEvent | Exception) -> None:
        if not self._loop.is_closed():
            self._waiting.append(None)
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    # --- below: kafka-python's IO thread -------------------------------------------------------

    def give_back(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Let the worker finish what it can, then commit what it says."""
        gone = frozenset(partition_of(p) for p in partitions)
        if not gone:
            return
        self._released = {}
        self._release.clear()
        self._put(Revoked(gone, lost=False))
        if self._stop.is_set() or not self._release.wait(self._policy.release_seconds):
            return
        if offsets := {p: o for p, o in self._released.items() if p in gone}:
            consumer.commit_async(to_kafka(offsets, self._note))

    def lose(self, partitions: Sequence[Any]) -> None:
        """Tell the worker that others own these already."""
        if partitions:
            self._put(Revoked(frozenset(partition_of(p) for p in partitions), lost=True))

    def take(self, partitions: Sequence[Any]) -> None:
        """Note what is ours now; the owner thread looks up where it starts and ends."""
        self._new = [*self._new, *partitions]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is untyped
    def __init__(self, owner: KafkaGroupConsumer, consumer: Any) -> None:
        self._owner = owner
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._owner.give_back(self._consumer, list(revoked))

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._owner.take(list(assigned))

    def on_partitions_lost(self, lost: Any) -> None:
        self._owner.lose(list(lost))


def _as_ours(error: Exception, where: str) -> Exception:
    try:
        return translate(error, "consuming", where)
    except Exception as unknown:  # noqa: BLE001  # unclassified: raised as it is where it is read
        return unknown
