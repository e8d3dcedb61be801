"""`python -m tests.faults.killed_at STEP …`: hightide that kills itself at a named step.

The process is the real one on real parts; only a line in front of or behind one call is ours.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import connectors.kafka.producer as kafka_producer
from connectors.kafka.ledger import KafkaLedger
from connectors.kafka.log import KafkaModelLog
from connectors.kafka.producer import KafkaChangeProducer
from connectors.kafka.schemas import TopicSchemas
from connectors.snowflake.source import SnowflakeSource
from connectors.sqlite.index import SqliteIndex
from worker.__main__ import main


@dataclass(frozen=True, slots=True)
class Step:
    """The `nth` call of a method; for one that yields, the `nth` item."""

    owner: Any
    method: str
    when: Literal["before", "after"]
    nth: int = 1


STEPS = {
    "before the change token": Step(SnowflakeSource, "change_token", "before"),
    "described": Step(SnowflakeSource, "describe", "after"),
    "schema registered": Step(TopicSchemas, "register", "after"),
    "topic followed": Step(KafkaModelLog, "end_offsets", "after"),
    "surveyed": Step(SnowflakeSource, "survey", "after"),
    "before the reservation": Step(KafkaLedger, "append", "before"),
    "reserved": Step(KafkaLedger, "append", "after"),
    "queried, first page in hand": Step(SnowflakeSource, "read", "after"),
    "second statement's page in hand": Step(SnowflakeSource, "read", "after", 2),
    "before the first page is sent": Step(KafkaChangeProducer, "send", "before"),
    "in the middle of a page": Step(kafka_producer._Flight, "add", "after", 300),
    "first page acknowledged": Step(KafkaChangeProducer, "send", "after"),
    "index about to learn the page": Step(SqliteIndex, "remember", "before"),
    "index knows the page": Step(SqliteIndex, "remember", "after"),
    "before the commit": Step(KafkaLedger, "append", "before", 2),
    "committed, not counted": Step(SqliteIndex, "count_keys", "before"),
    "counted": Step(SqliteIndex, "count_keys", "after"),
    "between two statements": Step(KafkaLedger, "append", "after", 3),
}


def arm(step: Step) -> None:
    """Have the process killed at the step."""
    original = getattr(step.owner, step.method)
    calls = 0

    def passes(when: str) -> None:
        nonlocal calls
        calls += when == step.when
        if when == step.when and calls == step.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(step.owner, step.method, _wrapped(original, passes))


def _wrapped(original: Callable[..., Any], passes: Callable[[str], None]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(original):

        @functools.wraps(original)
        async def items(*args: Any, **options: Any) -> Any:
            async for item in original(*args, **options):
                passes("after")
                yield item

        return items
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def waits(*args: Any, **options: Any) -> Any:
            passes("before")
            found = await original(*args, **options)
            passes("after")
            return found

        return waits

    @functools.wraps(original)
    def calls(*args: Any, **options: Any) -> Any:
        passes("before")
        found = original(*args, **options)
        passes("after")
        return found

    return calls


if __name__ == "__main__":
    arm(STEPS[sys.argv.pop(1)])
    main()
