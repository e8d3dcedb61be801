"""Changes: the keys of a page, the partition of a row, and what a model needs."""

from __future__ import annotations

import zlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, Model, Page
from worker.rules.changes import Rows, index_of, keys_of, partition_hash
from worker.rules.watermark import CounterWatermark, TimestampWatermark

COLUMNS = (
    Column("ID", ColumnType.DECIMAL, 38),
    Column("EMAIL", ColumnType.TEXT),
    Column("SEEN", ColumnType.TIMESTAMP_TZ),
)
MODEL = Model("people", "SELECT 1", "ID", None, identity_columns=frozenset({"EMAIL"}))


def test_a_key_is_canonical_text() -> None:
    """A whole number is one key however it is written; the empty string is a key."""
    page = Page(COLUMNS, [(7,), (Decimal(7),), (Decimal("7.0"),), ("",), ("7 ",)], ())

    assert [b"7", b"7", b"7", b"", b"7 "] == keys_of(Rows.of(MODEL, COLUMNS, None), page)


def test_a_row_without_a_key_is_refused_without_its_values() -> None:
    """A source leaves such rows out; one that does not is broken."""
    page = Page(COLUMNS, [(7, "a@example.com", None), (None, "b@example.com", None)], ())
    with pytest.raises(ConfigurationError, match="primary key ID is NULL") as error:
        keys_of(Rows.of(MODEL, COLUMNS, None), page)

    assert "example.com" not in str(error.value)


@pytest.mark.parametrize("missing", ["primary_key", "partition_by", "needed"])
def test_a_column_that_is_needed_and_not_there_is_named(missing: str) -> None:
    """Key, partition column, or one that a sync maps; with those the model has."""
    model = {
        "primary_key": replace(MODEL, primary_key="GONE"),
        "partition_by": replace(MODEL, partition_by="GONE"),
        "needed": replace(MODEL, needed_columns=frozenset({"EMAIL", "GONE"})),
    }[missing]
    with pytest.raises(ConfigurationError, match="no column GONE; it has ID, EMAIL, SEEN"):
        Rows.of(model, COLUMNS, None)


def test_a_delete_record_keeps_key_and_identity() -> None:
    """A column of a sync that the model no longer has is left out, not an error."""
    assert {0, 1} == Rows.of(MODEL, COLUMNS, None).kept_at_delete
    other = replace(MODEL, identity_columns=frozenset({"GONE"}))
    assert {0} == Rows.of(other, COLUMNS, None).kept_at_delete


def test_watermark_and_ignored_columns_are_no_change() -> None:
    """A daily build moves every watermark; a row that changed nowhere else did not change."""
    model = replace(MODEL, watermark="SEEN", ignore_changes_in=frozenset({"EMAIL"}))
    digest = Rows.of(model, COLUMNS, TimestampWatermark()).digest

    assert digest((7, "a", 1)) == digest((7, "b", 2))
    assert digest((7, "a", 1)) != digest((8, "a", 1))


def test_a_row_changed_when_its_watermark_says_so_else_when_it_was_read() -> None:
    """A snapshot and a counter say nothing of time."""
    page = Page(COLUMNS, [(7, "a", None)], [41])

    assert [99, 99, 41] == [
        Rows.of(MODEL, COLUMNS, watermark).changed_at_ns(page, 0, 99)
        for watermark in (None, CounterWatermark(), TimestampWatermark())
    ]


@given(st.text() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_equal_values_share_a_partition_whatever_their_key(value: object) -> None:
    """All rows of one profile; a row without the value goes by its key."""
    assert partition_hash(value, b"one") == partition_hash(value, b"two")
    assert zlib.crc32(b"one") == partition_hash(None, b"one")


def test_a_column_is_found_by_its_exact_name() -> None:
    """Identifiers are quoted: case counts."""
    assert 1 == index_of(MODEL, COLUMNS, "EMAIL")
    with pytest.raises(ConfigurationError, match="no column email"):
        index_of(MODEL, COLUMNS, "email")
