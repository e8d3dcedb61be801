"""100,000 records that nobody wrote on purpose: each is a row or undecodable, and at once."""

from __future__ import annotations

import random
import time

import pytest

from connectors.avro import RowDecoder, RowEncoder, UndecodableError
from connectors.physical import PhysicalDecoder
from tests.unit.connectors.test_avro import COLUMNS, SCHEMA

RECORDS = 100_000
SLOWEST_SECONDS = 0.05
ROW = ("1", "Ana Ruiz", None, 1.5, True, None, None, None, None, '{"a": [1, 2]}', b"\x00\xff")


def broken(record: bytes, dice: random.Random) -> bytes:
    """Return the record cut, lengthened, overwritten, or made of nothing but noise."""
    body = bytearray(record[5:])
    for _ in range(dice.randint(1, 4)):
        where = dice.randrange(len(body))
        match dice.randrange(5):
            case 0:
                del body[where:]
                body = body or bytearray(b"\x00")
            case 1:
                body[where] = dice.randrange(256)
            case 2:  # a length or a number as long as one can be
                body[where:where] = b"\xff" * dice.randint(1, 10) + b"\x01"
            case 3:
                body += dice.randbytes(dice.randint(1, 40))
            case _:
                body = bytearray(dice.randbytes(dice.randint(1, 60)))
    return record[:5] + bytes(body)


@pytest.mark.parametrize("kind", [RowDecoder, PhysicalDecoder])
def test_poison_is_set_aside_and_holds_nobody_up(
    kind: type[RowDecoder | PhysicalDecoder],
) -> None:
    """No other error than ours, no row of half its bytes, none takes longer than 50 ms."""
    [record] = RowEncoder(SCHEMA, 1, COLUMNS).encode([ROW])
    decoder, dice = kind(SCHEMA), random.Random(20)
    undecodable, slowest = 0, 0.0
    for _ in range(RECORDS):
        poison = broken(record, dice)
        began = time.process_time()
        try:
            assert len(COLUMNS) == len(decoder.decode(poison))
        except UndecodableError:
            undecodable += 1
        slowest = max(slowest, time.process_time() - began)

    assert undecodable > RECORDS // 2
    assert slowest < SLOWEST_SECONDS
