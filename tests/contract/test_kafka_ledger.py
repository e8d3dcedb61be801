"""KafkaLedger on a broker: what was appended is read back as it was, from any offset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from connectors.errors import ConfigurationError
from connectors.kafka.connection import OwnedClient
from connectors.kafka.ledger import KafkaLedger
from connectors.kafka.producer import owned_producer
from connectors.records import LedgerEntry, LedgerRecord, Position
from tests.closing import closed_after
from tests.kafka_records import connect
from tests.topics import create_topic

pytestmark = pytest.mark.kafka

COMMIT = LedgerEntry(
    kind="commit",
    epoch=3,
    poller="a1b2",
    model="contacts",
    period="2026-11-01",
    reserved=17,
    used=1_499_983,
    watermark=Position("2026-11-24 08:45:00.123456789", "clé-1"),
    rows_read=500_000,
    new_keys=bytes(range(32)),
    fingerprint="f00d",
    change_token="1790000000|1790000001",
    schema_id=2**31 - 1,
)
RESERVE = replace(COMMIT, kind="reserve", watermark=None, new_keys=b"", rows_read=0)


@pytest.fixture
def topic(kafka_bootstrap: str, topic_prefix: str) -> str:
    """The ledger topic of the test, empty."""
    create_topic(kafka_bootstrap, f"{topic_prefix}ledger")
    return f"{topic_prefix}ledger"


@pytest.fixture
async def ledger(kafka_bootstrap: str, topic: str) -> AsyncIterator[KafkaLedger]:
    async with closed_after(KafkaLedger(connect(kafka_bootstrap), topic)) as port:
        yield port


async def test_an_empty_ledger_is_read_to_its_end(ledger: KafkaLedger) -> None:
    """The first start finds nothing, and reading ends."""
    assert await _read(ledger) == []


async def test_entries_come_back_as_they_were(ledger: KafkaLedger) -> None:
    """Every field survives, also no watermark, a watermark without a key, and no new keys."""
    entries = [
        RESERVE,
        COMMIT,
        replace(COMMIT, watermark=Position("2026-11-24 08:45:00.000000000")),
    ]

    offsets = [await ledger.append(entry) for entry in entries]

    assert offsets == [0, 1, 2]
    expected = [LedgerRecord(offset, entry) for offset, entry in enumerate(entries)]
    assert expected == await _read(ledger)


async def test_reading_starts_where_it_is_told_to(ledger: KafkaLedger) -> None:
    """A poller that knows the ledger up to an offset reads only what came after."""
    for _ in range(4):
        await ledger.append(COMMIT)

    assert [2, 3] == [record.offset for record in await _read(ledger, 2)]
    assert await _read(ledger, 4) == []


async def test_two_pollers_see_one_order(
    ledger: KafkaLedger, kafka_bootstrap: str, topic: str
) -> None:
    """The log decides between two pollers: both read the same records at the same offsets."""
    async with closed_after(KafkaLedger(connect(kafka_bootstrap), topic)) as other:
        await ledger.append(replace(RESERVE, poller="first"))
        await other.append(replace(RESERVE, poller="second", epoch=4))
        await ledger.append(replace(COMMIT, poller="first"))

        assert await _read(ledger) == await _read(other)
    assert ["first", "second", "first"] == [r.entry.poller for r in await _read(ledger)]


@pytest.mark.parametrize("foreign", [b"\x02newer", b"{}", b""], ids=["newer", "JSON", "empty"])
async def test_a_record_of_another_format_is_refused(
    ledger: KafkaLedger, kafka_bootstrap: str, topic: str, foreign: bytes
) -> None:
    """An older worker stops at a newer one's record, and says so."""
    await ledger.append(COMMIT)
    async with closed_after(owned_producer(connect(kafka_bootstrap), "foreign")) as owned:
        await _put(owned, topic, foreign)

    for _ in range(2):  # a failure in the middle must not keep the reader from the next call
        with pytest.raises(ConfigurationError, match="holds a record of another format"):
            await _read(ledger)


async def test_a_missing_ledger_says_how_to_get_one(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """Nobody has created the topics yet: a sentence with the command, nothing made up."""
    nowhere = KafkaLedger(connect(kafka_bootstrap), f"{topic_prefix}ledger")
    async with closed_after(nowhere) as ledger:
        with pytest.raises(ConfigurationError, match=r"hightide check --create-topics"):
            await _read(ledger)


async def _read(ledger: KafkaLedger, from_offset: int = 0) -> Sequence[LedgerRecord]:
    return [record async for records in ledger.read(from_offset) for record in records]


async def _put(owned: OwnedClient, topic: str, value: bytes) -> None:
    await owned.run("a test", lambda client: client.send(topic, value=value).get(timeout=10))
