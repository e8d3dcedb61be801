"""A message becomes an item, or the reason why it never can be one."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest

from connectors.avro import RowEncoder, row_schema
from connectors.errors import ConfigurationError, RetryableError
from connectors.records import (
    Column,
    ColumnType,
    Item,
    MappedRow,
    Message,
    Partition,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
)
from worker.rules.mapping import Expression, MappingPolicy
from worker.stages.interpret import InterpretStage

COLUMNS = (Column("ID", ColumnType.TEXT), Column("FULL NAME", ColumnType.TEXT))
SCHEMA = row_schema("people", COLUMNS)
MAPPING = MappingPolicy("ID", {"name": "FULL NAME"})


class KnownSchemas:
    """The Schemas port over a dictionary."""

    def __init__(self, known: dict[int, str]) -> None:
        self.known = known
        self.asked: list[int] = []
        self.failure: RetryableError | None = None

    async def register(self, subject: str, schema: str) -> int:
        raise NotImplementedError(subject, schema)

    async def by_id(self, schema_id: int) -> str | None:
        self.asked.append(schema_id)
        if self.failure is not None:
            raise self.failure
        return self.known.get(schema_id)

    async def close(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class Encoder:
    """Items that say what they were asked for."""

    removes: bool = False

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:
        call = "remove" if gone else ""
        return (
            Item(row.identity, orjson.dumps(row.fields), key.decode(), call)
            if row.identity
            else None
        )


class Rejecting(Encoder):
    """Takes nothing."""

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:
        assert row.identity
        assert key
        assert not gone
        return Rejected(RejectReason.UNMAPPABLE)


def stage(
    schemas: KnownSchemas, mapping: MappingPolicy = MAPPING, *, removes: bool = False
) -> InterpretStage:
    return InterpretStage("people-to-iterable", mapping, schemas, Encoder(removes))


def row(identity: str | None, name: str | None, schema_id: int = 1) -> Message:
    [value] = RowEncoder(SCHEMA, schema_id, COLUMNS).encode([(identity, name)])
    return raw(value)


def raw(value: bytes | None, *headers: tuple[str, bytes]) -> Message:
    return Message(Partition("t", 0), 0, b"k", value, headers)


async def interpret(message: Message, *, known: dict[int, str] | None = None) -> object:
    made = stage(KnownSchemas({1: SCHEMA} if known is None else known))
    await made.learn([message])
    return made.item(message)


async def test_a_row_becomes_an_item() -> None:
    """Decoded by its own schema, mapped, encoded."""
    assert Item("7", b'{"name":"Ann"}', "k") == await interpret(row("7", "Ann"))


@pytest.mark.parametrize("message", [raw(None), raw(b"\0\0\0\0\1xx", ("op", b"delete"))])
async def test_a_deleted_row_is_skipped(message: Message) -> None:
    """A tombstone, or the record before it: users keep their profile."""
    assert Skipped(SkipReason.DELETED) == await interpret(message)


async def test_a_delete_record_needs_nothing_but_who_it_was() -> None:
    """Neither filter nor expression is asked: they would be about NULLs."""
    columns = (Column("ID", ColumnType.TEXT), Column("NAME", ColumnType.TEXT))
    long = Expression("size(NAME) > 2", frozenset({"NAME"}))
    mapping = MappingPolicy("ID", {"name": "NAME", "long": long}, filter=long)
    made = stage(KnownSchemas({1: row_schema("people", columns)}), mapping, removes=True)
    [value] = RowEncoder(row_schema("people", columns), 1, columns).encode([("7", None)])
    await made.learn([raw(value)])

    assert Rejected(RejectReason.UNMAPPABLE) == made.item(raw(value))
    assert Item("7", b"{}", "k", "remove") == made.item(raw(value, ("op", b"delete")))


async def test_of_a_row_that_is_filtered_out_nothing_else_matters() -> None:
    """It is left out, or removed, though a field of it could not be sent."""
    columns = (Column("ID", ColumnType.TEXT), Column("SHARE", ColumnType.FLOAT))
    mapping = MappingPolicy(
        "ID", {"share": "SHARE"}, filter=Expression('ID == "1"', frozenset({"ID"}))
    )
    schema = row_schema("people", columns)
    values = RowEncoder(schema, 1, columns).encode([("7", float("nan")), ("1", float("nan"))])
    found = []
    for removes in (False, True):
        made = stage(KnownSchemas({1: schema}), mapping, removes=removes)
        await made.learn([raw(values[0])])
        found += [made.item(raw(value)) for value in values]

    assert [Skipped(SkipReason.FILTERED), Item("7", b"{}", "k", "remove")] == found[::2]
    assert [Rejected(RejectReason.UNMAPPABLE)] * 2 == found[1::2]


NOT_NULL = Expression("ID != null", frozenset({"ID"}))


@pytest.mark.parametrize("removes", [False, True])
@pytest.mark.parametrize("identity", [None, ""])
async def test_a_row_that_is_filtered_out_needs_nobody(
    identity: str | None,
    removes: bool,  # noqa: FBT001  # a table
) -> None:
    """A filter may leave out rows without an identity: there is nobody to remove either."""
    wanted = Expression("ID != null && ID != ''", frozenset({"ID"}))
    made = stage(KnownSchemas({1: SCHEMA}), MappingPolicy("ID", {}, filter=wanted), removes=removes)
    message = row(identity, "Ann")
    await made.learn([message])

    assert Skipped(SkipReason.FILTERED) == made.item(message)


@pytest.mark.parametrize("removes", [False, True])
async def test_rows_from_before_their_match_column_may_be_filtered_out(
    removes: bool,  # noqa: FBT001  # a table
) -> None:
    """A filter that reads it says what becomes of them: it sees NULL. Then nothing stops."""
    old = (Column("FULL NAME", ColumnType.TEXT),)
    [value] = RowEncoder(row_schema("people", old), 2, old).encode([("Ann",)])
    schemas = KnownSchemas({1: SCHEMA, 2: row_schema("people", old)})
    found = []
    for wanted in (NOT_NULL, Expression("ID == null", frozenset({"ID"}))):
        made = stage(schemas, MappingPolicy("ID", {}, filter=wanted), removes=removes)
        await made.learn([raw(value), row("7", "Ann")])
        found.append(made.item(raw(value)))

    assert [Skipped(SkipReason.FILTERED), Rejected(RejectReason.UNMAPPABLE)] == found


async def test_a_filter_on_other_columns_does_not_speak_for_the_one_to_match_by() -> None:
    """Then nobody has said that rows without it may be left out."""
    wanted = Expression("NAME == 'Ann'", frozenset({"NAME"}))
    made = stage(KnownSchemas({1: SCHEMA}), MappingPolicy("NOPE", {}, filter=wanted))

    with pytest.raises(ConfigurationError, match=r"filter: NOPE != null"):
        await made.learn([row("7", "a")])


class Failing(Encoder):
    """Has a library in it that has no form for a value."""

    def encode(self, row: MappedRow, key: bytes, *, gone: bool = False) -> Item | Rejected | None:
        assert key
        assert not gone
        match row.identity:
            case "surrogate":
                return Item("s", orjson.dumps("\ud800"), "s")
            case "deep":
                deep: list[object] = []
                for _ in range(300):
                    deep = [deep]
                return Item("d", orjson.dumps(deep), "d")
            case "recursion":
                raise RecursionError
            case _:
                raise OverflowError


@pytest.mark.parametrize("identity", ["surrogate", "deep", "recursion", "overflow"])
async def test_what_no_library_can_write_sets_its_row_aside(identity: str) -> None:
    """Whatever a library says of one row: it never ends the process of all syncs."""
    made = InterpretStage("people-to-iterable", MAPPING, KnownSchemas({1: SCHEMA}), Failing())
    message = row(identity, "Ann")
    await made.learn([message])

    assert Rejected(RejectReason.UNMAPPABLE) == made.item(message)


@pytest.mark.parametrize("day", [2**62, -(2**62), 10**7])
async def test_a_day_that_no_calendar_has_sets_its_row_aside(day: int) -> None:
    """Also where an expression reads it."""
    columns = (Column("ID", ColumnType.TEXT), Column("DAY", ColumnType.DATE))
    schema = row_schema("people", columns)
    there = Expression("DAY", frozenset({"DAY"}))
    number, tail = day * 2 if day >= 0 else -day * 2 - 1, b""
    while number > 127:
        tail, number = tail + bytes([number & 127 | 128]), number >> 7
    value = b"\0\0\0\0\1\2\x027\2" + tail + bytes([number])
    for mapping in (MappingPolicy("ID", {"day": "DAY"}), MappingPolicy("ID", {"day": there})):
        made = stage(KnownSchemas({1: schema}), mapping)
        await made.learn([raw(value)])
        assert Rejected(RejectReason.UNMAPPABLE) == made.item(raw(value))


async def test_an_encoder_may_reject_a_row() -> None:
    """For what only the destination can know of it."""
    made = InterpretStage("people-to-iterable", MAPPING, KnownSchemas({1: SCHEMA}), Rejecting())
    await made.learn([row("7", "Ann")])

    assert Rejected(RejectReason.UNMAPPABLE) == made.item(row("7", "Ann"))


@pytest.mark.parametrize(
    "value", [b"", b"x", b'{"json": 1}', b"\0\0\0\0\1", b"\0\0\0\0\1\2\xff", b"\0\0\0\0\2\0\0"]
)
async def test_bytes_that_are_no_record_are_undecodable(value: bytes) -> None:
    """No frame, cut, or of a schema that nobody knows: a dead letter, never an error."""
    assert Rejected(RejectReason.UNDECODABLE) == await interpret(raw(value))


async def test_a_foreign_schema_is_undecodable() -> None:
    """Somebody else's records in our topic."""
    foreign = '{"type":"record","name":"x","fields":[{"name":"a","type":["null","string"]}]}'

    assert Rejected(RejectReason.UNDECODABLE) == await interpret(row("7", "x"), known={1: foreign})


@pytest.mark.parametrize(
    ("identity", "reason"),
    [(None, RejectReason.UNMAPPABLE), ("", RejectReason.INVALID_IDENTITY)],
)
async def test_a_row_nobody_can_be_matched_by_is_rejected(
    identity: str | None, reason: RejectReason
) -> None:
    """No value, or one that is no identity."""
    assert Rejected(reason) == await interpret(row(identity, "Ann"))


async def test_a_schema_is_asked_for_once() -> None:
    """One that nobody knows, once for each lot of messages: it may be known later."""
    schemas = KnownSchemas({1: SCHEMA})
    made = stage(schemas)
    await made.learn([row("7", "a"), row("8", "b"), row("9", "c", 2), row("9", "d", 2), raw(None)])
    await made.learn([row("7", "a"), row("9", "c", 2)])

    assert [1, 2, 2] == schemas.asked


async def test_schemas_that_can_not_be_had_now_are_asked_for_again() -> None:
    """An outage of the registry rejects nothing."""
    schemas = KnownSchemas({1: SCHEMA})
    schemas.failure = RetryableError("down", kind="registry_unavailable")
    made = stage(schemas)
    with pytest.raises(RetryableError):
        await made.learn([row("7", "a")])
    schemas.failure = None
    await made.learn([row("7", "a")])

    assert isinstance(made.item(row("7", "a")), Item)


async def test_a_missing_column_stops_the_sync_with_a_sentence() -> None:
    """The column to match by: sync, column and fix are named."""
    made = stage(KnownSchemas({1: SCHEMA}), MappingPolicy("NOPE", {}))

    with pytest.raises(ConfigurationError, match=r"people-to-iterable.* NOPE .*`match`"):
        await made.learn([row("7", "a")])


async def test_a_column_that_was_added_later_is_left_out_of_older_rows() -> None:
    """A newly mapped column does not stop what was written before it existed."""
    made = stage(KnownSchemas({1: SCHEMA}), MappingPolicy("ID", {"age": "AGE"}))
    await made.learn([row("7", "a")])

    item = made.item(row("7", "a"))
    assert isinstance(item, Item)
    assert b"age" not in item.body


@pytest.mark.parametrize(
    ("headers", "expected"),
    [([("changed_at", b"17")], 17), ([], 0), ([("changed_at", b"soon")], 0)],
)
def test_the_change_time_is_in_a_header(headers: list[tuple[str, bytes]], expected: int) -> None:
    """0 when the record does not say."""
    assert expected == stage(KnownSchemas({})).changed_at_ns(raw(b"", *headers))
