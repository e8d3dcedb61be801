"""What every Kafka client of ours shares: settings, one owner thread, errors in our own words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kafka import errors as ke
from kafka.net.compat import KafkaNetClient
from kafka.record import util

from connectors.errors import ConfigurationError, ConnectorError, RetryableError, TooLargeError

T = TypeVar("T")

REQUEST_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to reach the cluster: bootstrap servers and kafka-python's own security options.

    `secrets` gives further options, asked for with each new client: passwords rotate.
    """

    bootstrap_servers: tuple[str, ...]
    security: Mapping[str, object] = field(default_factory=dict)
    client_id: str = "hightide"
    secrets: Callable[[], Mapping[str, object]] = dict

    def options(self) -> dict[str, object]:
        """Return the keyword arguments every client takes."""
        return {
            "bootstrap_servers": list(self.bootstrap_servers),
            "client_id": self.client_id,
            "bootstrap_timeout_ms": CONNECT_TIMEOUT_MS,
            "reconnect_backoff_max_ms": 2_000,
            **self.security,
            **self.secrets(),
        }

    def where(self) -> str:
        """Return the servers as a person reads them."""
        return ",".join(self.bootstrap_servers)


def require_fast_crc32c() -> None:
    """Raise ConfigurationError unless checksums are done in C: without it all is 3 times slower."""
    if util.crc32c_c is None:
        raise ConfigurationError(
            "the package crc32c is missing, without which Kafka is 3 to 6 times slower: "
            "pip install 'kafka-python[crc32c]'",
            kind="crc32c_missing",
        )


def build(kind: Callable[..., Any], **options: object) -> Any:
    """Return `kind(**options)`; a client that can't be built leaves no thread and no socket.

    kafka-python 3.0.12 starts its IO thread before it knows whether a broker answers and forgets it
    when none does: an outage of a day would leave thousands.
    """
    started: list[KafkaNetClient] = []

    def net_client(**given: object) -> KafkaNetClient:
        started.append(KafkaNetClient(**given))
        return started[0]

    try:
        return kind(**options, kafka_client=net_client)
    except Exception:
        for client in started:
            client.close()
        raise


def translate(error: Exception, doing: str, where: str) -> ConnectorError:
    """Return `error` as one of ours; the broker's own text is left out.

    Raises `error` itself when nobody has classified it: unknown must be loud.
    """
    if isinstance(error, ConnectorError):
        return error
    if (wrong := _for_a_person(error, doing, where)) is not None:
        return wrong
    if isinstance(error, (ke.MessageSizeTooLargeError, ke.RecordListTooLargeError)):
        return TooLargeError(
            f"a record is larger than Kafka at {where} takes while {doing}: "
            "raise max.message.bytes of the topic"
        )
    if isinstance(error, (ke.KafkaError, OSError, TimeoutError)):
        return RetryableError(
            f"Kafka at {where} did not answer while {doing} ({type(error).__name__})",
            kind="kafka_unavailable",
        )
    raise error


def _for_a_person(error: Exception, doing: str, where: str) -> ConfigurationError | None:
    match error:
        case ke.KafkaConfigurationError():
            return ConfigurationError(
                "kafka.security holds an option or value that kafka-python does not take: "
                "see its documentation of the client's settings",
                kind="kafka_options",
            )
        case ke.SaslAuthenticationFailedError():
            return ConfigurationError(
                f"Kafka at {where} refused the user name or password: check kafka.security",
                kind="kafka_authentication",
            )
        case ke.AuthorizationError():
            return ConfigurationError(
                f"Kafka at {where} does not permit {doing}: grant the ACL",
                kind="kafka_authorization",
            )
        case _:
            return _for_a_topic(error, doing, where)


def _for_a_topic(error: Exception, doing: str, where: str) -> ConfigurationError | None:
    match error:
        case ke.UnknownTopicOrPartitionError():
            return ConfigurationError(
                f"a topic for {doing} does not exist on {where}: run `hightide check "
                "--create-topics`",
                kind="topic_missing",
            )
        case ke.OffsetOutOfRangeError() | ke.LogTruncationError():
            return ConfigurationError(
                f"the group's offsets are not in the topic any more on {where}: rows may have been "
                "deleted unread, or the topic was made anew; stop deliver, run `hightide replay`, "
                "start it again",
                kind="offset_out_of_range",
            )
        case (
            ke.InvalidReplicationFactorError()
            | ke.InvalidPartitionsError()
            | ke.InvalidConfigurationError()
            | ke.PolicyViolationError()
        ):
            return ConfigurationError(
                f"Kafka at {where} refuses topics like that ({type(error).__name__}): check "
                "kafka.partitions and kafka.replication_factor",
                kind="topic_settings",
            )
        case _:
            return None


class OwnedClient:
    """A blocking client that lives in one thread of its own and is built there on first use.

    After any failure it is thrown away: what it still had under way has an unknown outcome.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        name: str,
        build: Callable[[KafkaConnection], Any],
        end: Callable[[Any], None],
    ) -> None:
        self._connection = connection
        self._build = build
        self._end = end
        self._client: Any = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"hightide-{name}")

    async def run(self, doing: str, call: Callable[[Any], T]) -> T:
        """Return what `call` makes of the client; raise one of our errors if it fails."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._call, doing, call
        )

    def _call(self, doing: str, call: Callable[[Any], T]) -> T:
        try:
            if self._client is None:
                self._client = self._build(self._connection)
            return call(self._client)
        except Exception as error:  # noqa: BLE001  # translate() raises what it does not know
            self._discard()
            raise translate(error, doing, self._connection.where()) from None

    def _discard(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                self._end(client)

    async def close(self) -> None:
        """Close the client and let the thread end."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)
        self._thread.shutdown(wait=False)
