"""What stands in our own topics: ledger entries, schema ids, dead-letter headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.kafka.dead_letters import headers_of
from connectors.kafka.ledger import SCHEMAS, decode, encode
from connectors.kafka.schemas import id_of
from connectors.records import (
    DeadLetter,
    LedgerEntry,
    Message,
    Partition,
    Position,
    RejectReason,
)

longs = st.integers(-(2**63), 2**63 - 1)
entries = st.builds(
    LedgerEntry,
    kind=st.sampled_from(["reserve", "commit"]),
    epoch=longs,
    poller=st.text(),
    model=st.text(),
    period=st.text(),
    reserved=longs,
    used=longs,
    watermark=st.none() | st.builds(Position, st.text(), st.none() | st.text()),
    rows_read=longs,
    new_keys=st.binary(max_size=64),
    fingerprint=st.text(),
    change_token=st.text(),
    schema_id=longs,
    at_ns=longs,
    uncertain=longs,
    reread=longs,
)


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: LedgerEntry) -> None:
    """A watermark without key and no watermark are two things."""
    assert entry == decode(encode(entry))


@given(entries, st.integers(0, 255).filter(lambda v: v not in SCHEMAS))
def test_another_format_is_refused_loudly(entry: LedgerEntry, version: int) -> None:
    """An older worker must not misread what a newer one wrote."""
    for value in (b"", bytes([version]) + encode(entry)[1:]):
        with pytest.raises(ConfigurationError, match="another format"):
            decode(value)


@given(st.text(), st.text())
def test_a_schema_has_one_id_and_it_fits_the_frame(one: str, other: str) -> None:
    """The same text has the same id in every process; registries' readers take 31 bits."""
    assert 0 <= id_of(one) < 2**31
    assert (id_of(one) == id_of(other)) == (one == other)


def test_the_id_of_a_text_never_changes() -> None:
    """Records that stand in topics name it: another way to make ids would orphan them."""
    assert 0x2CF24DBA == id_of("hello")


def test_a_dead_letter_says_why_where_and_when() -> None:
    """Closed words and numbers; no text of anybody else's."""
    source = Message(Partition("t", 3), 17, b"k", b"v", [("op", b"upsert")])
    headers = headers_of(DeadLetter(source, RejectReason.CONFLICT, "deliver", 200, 4))

    assert {
        "hightide.dead-letter.reason": b"conflict",
        "hightide.dead-letter.stage": b"deliver",
        "hightide.dead-letter.http_status": b"200",
        "hightide.dead-letter.topic": b"t",
        "hightide.dead-letter.partition": b"3",
        "hightide.dead-letter.offset": b"17",
        "hightide.dead-letter.attempts": b"4",
    } == dict(headers)
