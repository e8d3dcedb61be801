"""KafkaDeadLetters on a broker: the original record untouched, and why it stands there."""

from __future__ import annotations

import pytest

from connectors.kafka.dead_letters import KafkaDeadLetters
from connectors.records import DeadLetter, Message, Partition, RejectReason
from tests.closing import closed_after
from tests.kafka_records import connect, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

BYTES = bytes(range(256))


async def test_a_letter_is_the_original_record_and_its_reason(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """Key, value and headers are untouched; seven headers of ours come after them."""
    topic = f"{topic_prefix}letters"
    create_topic(kafka_bootstrap, topic)
    headers = [("row_hash", b"\x00\xff"), ("op", b"upsert"), ("op", b"again")]
    message = Message(Partition("hightide.model.contacts", 3), 41, BYTES, BYTES[::-1], headers)

    async with closed_after(KafkaDeadLetters(connect(kafka_bootstrap), topic)) as letters:
        await letters.put([DeadLetter(message, RejectReason.FIELD_TYPE, "send", 400, 2)])

    [[found]] = records(kafka_bootstrap, topic)
    assert (BYTES, BYTES[::-1]) == (found.key, found.value)
    assert list(found.headers) == [
        *headers,
        ("hightide.dead-letter.reason", b"field_type"),
        ("hightide.dead-letter.stage", b"send"),
        ("hightide.dead-letter.http_status", b"400"),
        ("hightide.dead-letter.topic", b"hightide.model.contacts"),
        ("hightide.dead-letter.partition", b"3"),
        ("hightide.dead-letter.offset", b"41"),
        ("hightide.dead-letter.attempts", b"2"),
    ]


async def test_all_letters_are_there_once_put_returns(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """Offsets may be committed then: many letters, over partitions, a tombstone among them."""
    topic = f"{topic_prefix}letters"
    create_topic(kafka_bootstrap, topic, partitions=2)
    where = Partition("hightide.model.contacts", 0)
    values = [b"row-%d" % n if n else None for n in range(500)]
    wanted = [
        DeadLetter(
            Message(where, n, b"key-%d" % n, value, []), RejectReason.UNDECODABLE, "interpret", 0, 0
        )
        for n, value in enumerate(values)
    ]

    async with closed_after(KafkaDeadLetters(connect(kafka_bootstrap), topic)) as letters:
        await letters.put([])
        await letters.put(wanted)
        found = [r for part in records(kafka_bootstrap, topic, 2) for r in part]

    assert {b"key-%d" % n: value for n, value in enumerate(values)} == {
        r.key: r.value for r in found
    }
    assert len(found) == 500
