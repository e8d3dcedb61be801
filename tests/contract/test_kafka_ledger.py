"""KafkaLedger on a broker: what was appended is read back as it was, from any offset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from connectors.errors import ConfigurationError
from connectors.kafka.connection import OwnedClient
from connectors.kafka.ledger import KafkaLedger, encode
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
    at_ns=1_790_000_000_123_456_789,
    uncertain=3,
    reread=2,
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


@pytest.mark.parametrize(
    "foreign",
    [b"\x03" + encode(COMMIT)[1:], b"\x03", encode(COMMIT)[:-20], b"\x01cut", b"{}", b""],
    ids=["newer", "newer, empty", "cut", "cut, older", "JSON", "empty"],
)
async def test_a_record_of_another_format_is_refused(
    ledger: KafkaLedger, kafka_bootstrap: str, topic: str, foreign: bytes
) -> None:
    """An older worker stops at a newer one's record, and says so in one sentence."""
    await ledger.append(COMMIT)
    async with closed_after(owned_producer(connect(kafka_bootstrap), "foreign")) as owned:
        await _put(owned, topic, foreign)

    for _ in range(2):  # a failure in the middle must not keep the reader from the next call
        with pytest.raises(ConfigurationError, match="a record of another format") as raised:
            await _read(ledger)
        assert "ledger_format" == raised.value.kind


async def test_entries_of_version_1_are_read(
    ledger: KafkaLedger, kafka_bootstrap: str, topic: str
) -> None:
    """Progress and MQR of before the upgrade count: neither time nor doubt were written then."""
    async with closed_after(owned_producer(connect(kafka_bootstrap), "older")) as owned:
        await _put(owned, topic, _version_1("reserve", None, b""))
        await _put(owned, topic, _version_1("commit", COMMIT.watermark, COMMIT.new_keys))
    await ledger.append(COMMIT)

    found = [record.entry for record in await _read(ledger)]

    reserve = replace(
        COMMIT, kind="reserve", watermark=None, new_keys=b"", at_ns=0, uncertain=0, reread=0
    )
    assert [reserve, replace(COMMIT, at_ns=0, uncertain=0, reread=0), COMMIT] == found


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


def _version_1(kind: str, watermark: Position | None, new_keys: bytes) -> bytes:
    """COMMIT as the first version wrote it, put together by hand: Avro has no names in it."""
    position = (None, None) if watermark is None else (watermark.value, watermark.key)
    fields: tuple[bytes, ...] = (
        _text(kind),
        _number(COMMIT.epoch),
        *map(_text, (COMMIT.poller, COMMIT.model, COMMIT.period)),
        *map(_number, (COMMIT.reserved, COMMIT.used)),
        *(_number(0) if one is None else _number(1) + _text(one) for one in position),
        _number(COMMIT.rows_read),
        _number(len(new_keys)) + new_keys,
        *map(_text, (COMMIT.fingerprint, COMMIT.change_token)),
        _number(COMMIT.schema_id),
    )
    return b"\x01" + b"".join(fields)


def _text(text: str) -> bytes:
    return _number(len(text.encode())) + text.encode()


def _number(number: int) -> bytes:
    """Zigzag, then seven bits a byte, the lowest first; enough for what is not negative."""
    left, found = 2 * number, b""
    while left > 0x7F:
        found += bytes([left & 0x7F | 0x80])
        left >>= 7
    return found + bytes([left])
