"""TopicSchemas on a broker: one text has one id, for every process and after every restart."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import ConfigurationError
from connectors.kafka.schemas import TopicSchemas
from tests.closing import closed_after
from tests.kafka_records import connect, records
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

SUBJECT = "hightide.model.contacts-value"
FIRST, SECOND = '{"type":"record","name":"a"}', '{"type":"record","name":"b"}'


@pytest.fixture
def topic(kafka_bootstrap: str, topic_prefix: str) -> str:
    """The schema topic of the test."""
    create_topic(kafka_bootstrap, f"{topic_prefix}schemas", configs={"cleanup.policy": "compact"})
    return f"{topic_prefix}schemas"


async def test_two_processes_agree_without_talking(kafka_bootstrap: str, topic: str) -> None:
    """Both register the same text at once: one id, and each finds the other's schemas."""
    one, two = (
        TopicSchemas(connect(kafka_bootstrap), topic),
        TopicSchemas(connect(kafka_bootstrap), topic),
    )
    async with closed_after(one), closed_after(two):
        ids = await asyncio.gather(one.register(SUBJECT, FIRST), two.register(SUBJECT, FIRST))
        later = await two.register(SUBJECT, SECOND)

        assert ids[0] == ids[1]
        assert later != ids[0]
        assert await one.by_id(later) == SECOND
        assert await two.by_id(ids[0]) == FIRST
    assert len(records(kafka_bootstrap, topic)[0]) <= 3


async def test_schemas_are_there_after_a_restart(kafka_bootstrap: str, topic: str) -> None:
    """A new process reads them from the topic and writes nothing that is there already."""
    async with closed_after(TopicSchemas(connect(kafka_bootstrap), topic)) as before:
        schema_id = await before.register(SUBJECT, FIRST)
    async with closed_after(TopicSchemas(connect(kafka_bootstrap), topic)) as after:
        assert await after.by_id(schema_id) == FIRST
        assert await after.register(SUBJECT, FIRST) == schema_id

    [found] = records(kafka_bootstrap, topic)
    assert [(str(schema_id).encode(), FIRST.encode())] == [(r.key, r.value) for r in found]


async def test_an_id_fits_the_frame_of_a_record(kafka_bootstrap: str, topic: str) -> None:
    """Four bytes that every Kafka tool reads as a positive number."""
    async with closed_after(TopicSchemas(connect(kafka_bootstrap), topic)) as schemas:
        for text in (FIRST, SECOND):
            assert 0 <= await schemas.register(SUBJECT, text) < 2**31


async def test_an_unknown_id_is_none_until_it_is_registered(
    kafka_bootstrap: str, topic: str
) -> None:
    """A deliverer that is ahead of the schema asks again, and then finds it."""
    one, two = (
        TopicSchemas(connect(kafka_bootstrap), topic),
        TopicSchemas(connect(kafka_bootstrap), topic),
    )
    async with closed_after(one), closed_after(two):
        assert await one.by_id(7) is None
        schema_id = await two.register(SUBJECT, FIRST)
        assert await one.by_id(schema_id) == FIRST
        assert await one.by_id(7) is None


async def test_two_texts_of_one_id_are_refused(
    kafka_bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collision of the hash is said, never written over the schema that is there."""
    monkeypatch.setattr("connectors.kafka.schemas.id_of", lambda _: 5)
    async with closed_after(TopicSchemas(connect(kafka_bootstrap), topic)) as schemas:
        await schemas.register(SUBJECT, FIRST)
        with pytest.raises(ConfigurationError, match="use a schema registry"):
            await schemas.register(SUBJECT, SECOND)

    [found] = records(kafka_bootstrap, topic)
    assert [FIRST.encode()] == [record.value for record in found]
