"""`python -m tests.e2e.leaking LEAK …`: hightide with one leak, to see that the scan finds it."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kafka import KafkaProducer

from connectors.errors import ConfigurationError, RetryableError
from connectors.iterable.client import IterableClient
from connectors.iterable.users import IterableUsers
from connectors.kafka import dead_letters as letters
from connectors.records import Item
from worker.__main__ import main

WORD = b"zanzibarcanary"


def before_deliver(leak: Callable[[Item], None]) -> None:
    """Let something happen with the first row of the first call."""
    original = IterableUsers.deliver
    done: list[bool] = []

    @functools.wraps(original)
    async def deliver(self: IterableUsers, items: Sequence[Item]) -> Any:
        if not done:
            done.append(True)
            leak(next(item for item in items if WORD in item.body))
        return await original(self, items)

    IterableUsers.deliver = deliver  # type: ignore[method-assign]  # that is what a leak does


def log_line() -> None:
    before_deliver(lambda item: structlog.get_logger().info(item.body.decode()))


def reason() -> None:
    def leak(item: Item) -> None:
        raise RetryableError(f"refused: {item.body.decode()}", kind="network")

    before_deliver(leak)


def metric_label() -> None:
    def leak(item: Item) -> None:
        value = item.body[item.body.index(WORD) :][:24]
        raise RetryableError("refused", kind=value.decode())

    before_deliver(leak)


def trace() -> None:
    def leak(item: Item) -> None:
        try:
            raise ValueError(item.body)
        except ValueError:
            traceback.print_exc()

    before_deliver(leak)


def dead_letter_header() -> None:
    original = letters.headers_of
    letters.headers_of = lambda letter: [*original(letter), ("key", letter.message.key)]


def row_header() -> None:
    original = KafkaProducer.send

    def send(self: KafkaProducer, topic: str, **record: Any) -> Any:
        headers = [*record.pop("headers", ()), ("key", record["key"])]
        return original(self, topic, headers=headers if ".model." in topic else [], **record)

    KafkaProducer.send = send


def printed_key() -> None:
    async def get(self: IterableClient, path: str) -> Any:
        raise ConfigurationError(f"{path} refused the key {self._api_key()}", kind="api_key")

    IterableClient.get = get  # type: ignore[method-assign]  # that is what a leak does


LEAKS = {
    "log line": log_line,
    "reason": reason,
    "metric label": metric_label,
    "traceback": trace,
    "dead-letter header": dead_letter_header,
    "row header": row_header,
    "printed key": printed_key,
}

if __name__ == "__main__":
    LEAKS[sys.argv.pop(1)]()
    main()
