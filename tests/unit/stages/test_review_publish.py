"""Rows that are not what they should be: a key twice, a column gone, a value of another type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.avro import RowDecoder
from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, Page, RejectReason
from tests.fakes_polling import COLUMNS, NOON_NS, PEOPLE, Outside
from tests.unit.stages.polling_desk import TOPIC, Process
from worker.rules.watermark import NS, TimestampWatermark

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CANARY = "zanzibar"
TWICE = Page(
    COLUMNS, [("a", "one", NOON), ("b", "one", NOON), ("a", "two", NOON)], [NOON_NS] * 3
)  # fmt: skip


async def add(
    made: Process, value: object, column: Column | None = None, page: Page | None = None
) -> None:
    """Publish and commit a page: by default one row `a` with `value` in `column`."""
    if page is None:
        assert column is not None
        page = Page((COLUMNS[0], column), [("a", value), ("b", None)], [NOON_NS] * 2)
    prepared = await made.publish.prepare(PEOPLE, TOPIC, page.columns, TimestampWatermark())
    reservation = await made.publish.reserve(prepared, NOON_NS, 10, 1)
    assert reservation is not None
    try:
        await made.publish.add(reservation, prepared, page)
    finally:
        await made.publish.commit(reservation, None, "", "poll")


async def test_the_last_row_of_a_key_that_stands_twice_is_published_once(tmp_path: Path) -> None:
    """Two versions in one page are one change; three rows were read, two keys count."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    await add(made, None, page=TWICE)
    made.close()

    assert ["a", "b"] == sorted(outside.published())
    assert "two" in outside.newest()["a"]
    assert (3, 2, 1) == (made.meter.read, made.meter.published, made.meter.unchanged)
    assert 2 == outside.ledger[-1].used


async def test_a_key_that_stands_twice_is_published_by_no_further_poll(tmp_path: Path) -> None:
    """Its first row differs from what is known, for ever; only the last one is compared."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    for _ in range(3):
        await add(made, None, page=TWICE)
    made.close()

    assert 2 == len(outside.published())


async def test_a_mapped_column_that_is_gone_is_named_before_anything_is_read(
    tmp_path: Path,
) -> None:
    """Published without it, every profile would lose the field."""
    outside = Outside(replace(PEOPLE, needed_columns=frozenset({"NAME", "PHONE"})))
    outside.write("one", "a", "b")
    outside.clock_ns += NS
    made = await Process(outside, tmp_path).start()
    with pytest.raises(ConfigurationError, match="no column PHONE; it has ID, NAME, CHANGED"):
        await made.poll.poll_once()
    assert ([], [], []) == (outside.windows, outside.topic, outside.ledger)
    made.close()
    outside.model = replace(PEOPLE, needed_columns=frozenset({"NAME"}))
    mended = await Process(outside, tmp_path).start()

    assert "complete" == await mended.poll.poll_once()
    mended.close()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ColumnType.DECIMAL, CANARY),
        (ColumnType.DECIMAL, Decimal("1.005")),
        (ColumnType.DECIMAL, float("inf")),
        (ColumnType.FLOAT, CANARY),
        (ColumnType.BOOLEAN, CANARY),
        (ColumnType.TEXT, 7_777_777),
        (ColumnType.DATE, CANARY),
        (ColumnType.TIME, CANARY),
        (ColumnType.TIMESTAMP_TZ, CANARY),
        (ColumnType.TIMESTAMP_NTZ, date(1977, 7, 7)),
        (ColumnType.BINARY, CANARY),
        (ColumnType.TEXT, [CANARY]),
        (ColumnType.TEXT, "lone \udc80 surrogate"),
        (ColumnType.TEXT, time),
    ],
)
async def test_a_value_that_does_not_fit_stops_the_model_and_is_not_repeated(
    tmp_path: Path, kind: ColumnType, value: object
) -> None:
    """One sentence with the model's name; neither it nor its cause quotes the row."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    with pytest.raises(ConfigurationError, match="model people holds a value") as raised:
        await add(made, value, Column("VALUE", kind, 10, 2))
    made.close()

    assert "unencodable" == raised.value.kind
    assert str(value) not in str(raised.value)
    assert raised.value.__suppress_context__
    assert None is raised.value.__cause__
    assert [] == outside.topic


async def test_rows_beside_a_value_that_does_not_fit_were_queried_and_count(
    tmp_path: Path,
) -> None:
    """Snowflake returned the page: both of its keys are in the ledger."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    with pytest.raises(ConfigurationError):
        await add(made, CANARY, Column("VALUE", ColumnType.DECIMAL, 10, 2))
    made.close()

    assert ("commit", 2) == (outside.ledger[-1].kind, outside.ledger[-1].used)


async def test_a_whole_number_beyond_64_bits_is_published_and_compared(tmp_path: Path) -> None:
    """NUMBER(38, 0): published once, not again while it stands, again once it changed by one."""
    outside = Outside()
    made = await Process(outside, tmp_path).start()
    column = Column("VALUE", ColumnType.DECIMAL, 38, 0)
    large = 10**30 + 1
    await add(made, large, column)
    await add(made, large, column)
    assert ["a", "b"] == outside.published()
    await add(made, large + 1, column)
    made.close()

    assert ["a", "b", "a"] == outside.published()
    [schema] = outside.schemas.values()
    rows = [RowDecoder(schema).decode(one.value or b"") for one in outside.topic]
    assert [Decimal(large), None, Decimal(large + 1)] == [row["VALUE"] for row in rows]


async def test_a_row_that_no_topic_takes_is_set_aside_and_not_tried_again(tmp_path: Path) -> None:
    """Its key and reason stand in the dead letters; the rows around it are in the topic."""
    outside = Outside()
    outside.write("one", "a", "b", "c")
    outside.clock_ns += NS
    outside.too_large = {b"b"}
    made = await Process(outside, tmp_path).start()
    for _ in range(2):
        await made.poll.poll_once()
    made.close()

    assert ["a", "c"] == outside.published()
    assert [(b"b", None, RejectReason.TOO_LARGE)] == [
        (one.message.key, one.message.value, one.reason) for one in made.dead_letters.letters
    ]
