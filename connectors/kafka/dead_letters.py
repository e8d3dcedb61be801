"""The dead-letter topic of a sync: the original bytes, and why they could not be delivered.

Headers come from closed lists and numbers only; the text of an error never gets here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.producer import ACK_DEADLINE_SECONDS, owned_producer
from connectors.records import DeadLetter

PREFIX = "hightide.dead-letter."


class KafkaDeadLetters:
    """The DeadLetters port on kafka-python."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._owned = owned_producer(connection, "dead-letters")
        self._topic = topic

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker holds every letter."""
        await self._owned.run(
            f"writing to {self._topic}", lambda client: self._put(client, letters)
        )

    def _put(self, client: Any, letters: Sequence[DeadLetter]) -> None:
        futures = [
            client.send(
                self._topic,
                key=letter.message.key,
                value=letter.message.value,
                headers=[*letter.message.headers, *headers_of(letter)],
            )
            for letter in letters
        ]
        for future in futures:
            future.get(timeout=ACK_DEADLINE_SECONDS)

    async def close(self) -> None:
        await self._owned.close()


def headers_of(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Return the headers that say why, where and when in the path."""
    message = letter.message
    fields = {
        "reason": letter.reason.value,
        "stage": letter.stage,
        "http_status": str(letter.http_status),
        "topic": message.partition.topic,
        "partition": str(message.partition.number),
        "offset": str(message.offset),
        "attempts": str(letter.attempts),
    }
    return [(PREFIX + name, value.encode()) for name, value in fields.items()]
