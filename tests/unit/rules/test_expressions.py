"""An expression reads columns, says one value, and can do nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.records import Column, ColumnType, MappedRow
from tests.unit.rules.physical import map_row
from worker.rules.mapping import Expression, MappingPolicy, UnmappableError
from worker.rules.mapping.cel import LONGEST_LIST, LONGEST_TEXT, ExpressionError, columns_of

T = ColumnType
CANARY = "canary@example.com"
COLUMNS = (
    Column("ID", T.DECIMAL, 38),
    Column("FIRST", T.TEXT),
    Column("LAST", T.TEXT),
    Column("AMOUNT", T.DECIMAL, 38, 2),
    Column("RATIO", T.FLOAT),
    Column("ACTIVE", T.BOOLEAN),
    Column("DAY", T.DATE),
    Column("HOUR", T.TIME),
    Column("SEEN", T.TIMESTAMP_TZ),
    Column("LOCAL", T.TIMESTAMP_NTZ),
    Column("DATA", T.JSON),
    Column("RAW", T.BINARY),
)
ROW: Mapping[str, object] = {
    "FIRST": "Ann",
    "AMOUNT": Decimal("12.50"),
    "RATIO": 0.5,
    "ACTIVE": True,
    "DAY": dt.date(2026, 11, 4),
    "HOUR": dt.time(8, 45, 1),
    "SEEN": dt.datetime(2026, 11, 4, 8, 45, 1, 999_999, tzinfo=dt.UTC),
    "LOCAL": dt.datetime(1, 1, 1),  # noqa: DTZ001  # wall clock
    "DATA": '{"plan": "gold", "seats": [1, 2, 3], "none": null, "big": 18446744073709551615}',
    "RAW": b"\0",
}


def said(text: str, row: Mapping[str, object] = ROW) -> object:
    """Return what the expression says of a row."""
    fields = {"f": Expression(text, columns_of(text))}
    return map_row(row, MappingPolicy("ID", fields), COLUMNS).fields["f"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('FIRST + " " + (LAST == null ? "?" : LAST)', "Ann ?"),
        ("FIRST.lowerAscii()", "ann"),
        ("size('é' + FIRST)", 4),
        ("ID + 1", 8),
        ("AMOUNT * 2.0", 25.0),
        ("double(ID) * AMOUNT", 87.5),
        ("RATIO < 1", True),
        ("ACTIVE ? 'yes' : 'no'", "yes"),
        ("LAST", None),
        ("SEEN", "2026-11-04 08:45:01 +00:00"),
        ("SEEN + duration('24h')", "2026-11-05 08:45:01 +00:00"),
        ("DAY", "2026-11-04 00:00:00 +00:00"),
        ("DAY < SEEN", True),
        ("LOCAL.getFullYear()", 1),
        ("HOUR", "08:45:01"),
        ("DATA.plan", "gold"),
        ("has(DATA.nope)", False),
        ("has(DATA.plan) && DATA.plan == 'gold'", True),
        ("DATA.seats.map(s, s * 2)", [2, 4, 6]),
        ("DATA.seats.filter(s, s > 1)", [2, 3]),
        ("DATA.seats.exists(s, s == 3)", True),
        ("{'name': FIRST, 'at': [SEEN]}", {"name": "Ann", "at": ["2026-11-04 08:45:01 +00:00"]}),
        ("string(AMOUNT)", "12.5"),
        ("int('12')", 12),
        ("FIRST.matches('^A.*n$')", True),
        ("FIRST.split('n')", ["A", "", ""]),
        ("FIRST.replace('n', 'm').substring(1)", "mm"),
        ("RAW", "AA=="),
        ("LAST != null && LAST.size() > 3", False),
        ("LAST.size() > 3 && false", False),
    ],
)
def test_it_says_one_value_of_the_row(text: str, expected: object) -> None:
    """Text, a number, yes or no, null, a moment, and lists and objects of those."""
    found = said(text)

    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize(
    "text",
    [
        "FIRST + LAST",
        "FIRST + 1",
        "AMOUNT * 2",
        "LAST > 3",
        "DATA.nope",
        "DATA.seats[3]",
        "ID / 0",
        "9223372036854775807 + ID",
        "int(FIRST)",
        "RATIO / 0.0",
        "DATA.big",
        "{ID: 1}",
        "[bytes(FIRST)]",
        "[SEEN - SEEN]",
    ],
)
def test_without_a_result_the_row_is_set_aside(text: str) -> None:
    """An operator that does not know null, an overflow, what can't be sent: never a guess."""
    with pytest.raises(UnmappableError):
        said(text)


@pytest.mark.parametrize(
    "text", ["FIRST + 1", "int(FIRST)", "DATA[FIRST]", "FIRST.nope", "[FIRST][1]"]
)
def test_no_error_quotes_the_row(text: str) -> None:
    """The library's own words do, so nobody sees them."""
    with pytest.raises(UnmappableError) as raised:
        said(text, {**ROW, "FIRST": CANARY})

    assert CANARY not in f"{raised.value!r} {raised.value.__cause__!r}"
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("FIRST + ' ' + LAST", {"FIRST", "LAST"}),
        ("A.b.c > 1 ? X : Y", {"A", "X", "Y"}),
        ("L.map(x, x.id + OFFSET)", {"L", "OFFSET"}),
        ("L.exists(L, L == 1)", {"L"}),
        ("has(O.x) && M[K].y == timestamp('2026-01-01T00:00:00Z')", {"O", "M", "K"}),
        ("'A' + r'B' + \"C\" // D\n + E", {"E"}),
        ("FIRST.lowerAscii().split('.')[0]", {"FIRST"}),
        ("1", set()),
    ],
)
def test_the_columns_it_reads_are_known_without_a_row(text: str, columns: set[str]) -> None:
    """Names that a loop gives, members and texts are none."""
    assert columns == columns_of(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("FIRST +", "at 1:8: Syntax error"),
        ("FIRST\n  + (LAST", "at 2:10: Syntax error"),
        ("shout(FIRST)", "at 1:6: there is no function shout"),
        ("FIRST.shout()", "at 1:12: there is no function shout"),
        ("FIRST.format([1])", "there is no function format"),
        ("1 + 'a'", "convert one with string(…)"),
        ("A ? null : 'x'", "at 1:3: the two sides of ? : are of two types: put dyn(…)"),
        ("`FULL NAME`", "give the column a name of letters"),
        ("type == 'x'", "type is a word of the language"),
        ("duration('1h')", "make it text with string(…)"),
        ("b'x'", "make it text with string(…)"),
        ("+".join(["A"] * 600), "longer than 1000 characters"),
        ("(" * 50 + "1" + ")" * 50, "nested too deeply"),
        ("A.map(a, a.map(b, b.map(c, c.map(d, d))))", "more than 3"),
        ("A.matches(A)", "something else than texts in quotes"),
        ("matches(A, 'x')", "something else than texts in quotes"),
        ("A.matches('x' + A)", "something else than texts in quotes"),
        ("A.replace('x', A)", "something else than texts in quotes"),
        ("A.replace(A, 'x')", "something else than texts in quotes"),
        (r"A.matches(r'\pL{100}')", "would cost too much for any row"),
        ("['a']" + f".map(a, [{'a, ' * 90}a])" * 3, "would cost too much for any row"),
    ],
)
def test_a_wrong_one_is_refused_with_its_place(text: str, hint: str) -> None:
    """When the file is loaded, in one line."""
    with pytest.raises(ExpressionError) as raised:
        columns_of(text)

    assert hint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_words_in_a_text_are_no_words() -> None:
    """Four loops in quotes are none."""
    assert frozenset() == columns_of('".map(" + ".map(" + ".map(" + ".map(" + "type `"')


def test_a_condition_is_true_or_false() -> None:
    """What is known to be neither is refused at once."""
    assert {"A"} == columns_of("A", condition=True)
    with pytest.raises(ExpressionError, match="neither true nor false"):
        columns_of("A + 'x'", condition=True)


@pytest.mark.parametrize(
    ("text", "row", "wanted"),
    [
        ("ACTIVE", {"ACTIVE": True}, True),
        ("ACTIVE", {"ACTIVE": False}, False),
        ("ACTIVE", {}, False),
        ("LATER == null", {}, True),
    ],
)
def test_a_filter_lets_through_what_is_true(
    text: str,
    row: Mapping[str, object],
    wanted: bool,  # noqa: FBT001  # a table
) -> None:
    """Null is not true, as in SQL; a column that came after these rows is null."""
    policy = MappingPolicy("ID", {}, filter=Expression(text, columns_of(text)))

    assert wanted == map_row(row, policy, COLUMNS).wanted


@pytest.mark.parametrize("text", ["FIRST", "FIRST > 1", "LAST.size() > 1"])
def test_a_filter_without_a_verdict_sets_the_row_aside(text: str) -> None:
    """Neither sent nor passed over in silence."""
    policy = MappingPolicy("ID", {}, filter=Expression(text, columns_of(text)))
    with pytest.raises(UnmappableError):
        map_row(ROW, policy, COLUMNS)


def test_null_clears_or_keeps_the_field() -> None:
    """Like that of a column."""
    fields = {"a.b": Expression("LAST", frozenset({"LAST"}))}

    assert {"a": {"b": None}} == map_row(ROW, MappingPolicy("ID", fields), COLUMNS).fields
    assert {} == map_row(ROW, MappingPolicy("ID", fields, "keep"), COLUMNS).fields


def test_without_its_column_the_field_is_left_as_it_is() -> None:
    """These rows were written before the column was there."""
    fields = {"f": Expression("LATER == null ? 1 : 2", frozenset({"LATER"}))}

    assert {} == map_row(ROW, MappingPolicy("ID", fields), COLUMNS).fields


def test_what_is_too_long_sets_the_row_aside() -> None:
    """A step through a list may copy all of it: 10,000 steps of 4 MB are the end of the process."""
    long_list = orjson.dumps(list(range(LONGEST_LIST + 1))).decode()

    assert LONGEST_TEXT == said("size(FIRST)", {"FIRST": "x" * LONGEST_TEXT})
    assert LONGEST_LIST + 1 == said("size(DATA)", {"DATA": long_list})
    for text, row in (
        ("size(FIRST)", {"FIRST": "x" * (LONGEST_TEXT + 1)}),
        ("size(DATA)", {"DATA": f'"{"x" * LONGEST_TEXT}"'}),
        ("DATA.map(x, x)", {"DATA": long_list}),
        ("DATA.a.exists(x, x == 0)", {"DATA": f'{{"a": {long_list}}}'}),
    ):
        with pytest.raises(UnmappableError, match="too long"):
            said(text, row)


def test_loops_in_loops_come_to_an_end() -> None:
    """A million steps are never taken: the row is set aside after 10,000."""
    thousand = orjson.dumps(list(range(LONGEST_LIST))).decode()
    with pytest.raises(UnmappableError):
        said("DATA.all(x, DATA.all(y, x == y || x != y))", {"DATA": thousand})


def test_a_nul_sets_the_row_aside() -> None:
    """The library ends a text there: half of a value would be sent as the whole."""
    for expression, row in (("FIRST", {"FIRST": "a\0b"}), ("DATA", {"DATA": '["a\\u0000b"]'})):
        with pytest.raises(UnmappableError, match="NUL"):
            said(expression, row)


def test_a_row_that_is_not_wanted_needs_no_values() -> None:
    """It is filtered, not rejected, when a field of it could not be sent."""
    policy = MappingPolicy("ID", {"f": "RATIO"}, filter=Expression("ID > 7", frozenset({"ID"})))

    assert MappedRow("7", wanted=False) == map_row({"RATIO": float("nan")}, policy, COLUMNS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values, st.text(max_size=20))
def test_no_row_does_worse_than_be_set_aside(data: object, text: str) -> None:
    """Whatever a VARIANT holds, and texts of every kind."""
    try:
        encoded = orjson.dumps(data).decode()
    except orjson.JSONEncodeError:  # beyond 64 bits
        encoded = str(data) if isinstance(data, int) else "[1e400]"
    for expression in ("DATA", "DATA.map(x, x)", "DATA[FIRST]", "[DATA, FIRST]", "FIRST < 'a'"):
        try:
            orjson.dumps(said(expression, {"DATA": encoded, "FIRST": text}))
        except UnmappableError:
            continue
