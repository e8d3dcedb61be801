"""A plan shows no value of any row unless it is asked for."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operate.planning import Row, logged, mirror, said
from worker.operate.plan.masking import masked
from worker.operate.plan.report import PERSONAL_DATA

# No letter of them stands in a word of the plan's own; who is matched is written in Latin.
GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
LATIN = "JQXZ"
identities = st.text(LATIN, min_size=3, max_size=12)
texts = st.text(GREEK, min_size=3, max_size=12)
jsons = st.recursive(
    texts | st.lists(texts), lambda inner: st.dictionaries(texts, inner), max_leaves=6
)
rows = st.tuples(
    identities, texts, jsons.map(lambda v: orjson.dumps(v).decode()), texts | st.just("7")
)


@settings(max_examples=30, deadline=None)
@given(st.lists(rows, max_size=3), rows.map(lambda row: (*row[:3], "7")), st.booleans())
async def test_no_value_of_a_row_is_in_the_plan(
    some: list[Row],
    good: Row,
    mirrored: bool,  # noqa: FBT001  # one of Hypothesis' arguments
) -> None:
    """Sent or rejected, text or JSON or a name inside it; some row is always a sample."""
    logs = [logged(f"{row[0]}{n}", row) for n, row in enumerate([good, *some])]
    found = await said(logs, mirror() if mirrored else None)
    shown = found.printed()

    assert found.plan.samples
    assert not {*GREEK, *LATIN} & {*shown}
    assert "\\u03" not in shown


@settings(max_examples=30, deadline=None)
@given(texts, texts, st.integers(100, 999), st.integers(100, 999))
async def test_a_plan_knows_nothing_of_values_but_kind_and_length(
    name: str, other: str, age: int, other_age: int
) -> None:
    """Two rows with texts of one length and numbers have the same plan, to the letter."""
    other = (other * len(name))[: len(name)]
    first, second = [
        await said([logged("k", ("1", n, f'{{"{n}": 1}}', str(a)))])
        for n, a in ((name, age), (other, other_age))
    ]

    assert first.printed() == second.printed()


async def test_values_are_shown_when_they_are_asked_for() -> None:
    """With a sentence that says what they are."""
    shown = (await said([logged("k", ("1", "Ann", None, "7"))])).printed(show_values=True)

    assert '"name": "Ann"' in shown
    assert PERSONAL_DATA in shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Anna!", "text of 5"),
        ("", "text of 0"),
        ("2026-11-04", "date"),
        ("2026-11-04 08:45:01 +00:00", "date"),
        ("2026-11-04 Ann", "text of 14"),
        (7, "number"),
        (7.5, "number"),
        (True, "true or false"),
        (None, "null"),
        ([1, 2], "list of 2"),
        ({"ann@x.com": 1}, "object of 1"),
    ],
)
def test_a_value_is_its_kind_and_its_length(value: object, expected: str) -> None:
    """A name inside a column's JSON is a value too."""
    body = orjson.dumps({"email": "a@x.com", "dataFields": {"field": value}})

    assert {"email": "text of 7", "dataFields": {"field": expected}} == masked(body, ["field"])


def test_members_that_are_mapped_keep_their_names() -> None:
    """`address.city` is the configuration's; what stands beside it in the same place is not."""
    value = {"address": {"city": "Bonn", "geo": {"lat": 1}}, "data": {"lat": 1}}
    body = orjson.dumps({"dataFields": value})

    assert {
        "dataFields": {
            "address": {"city": "text of 4", "geo": "object of 1"},
            "data": "object of 1",
        }
    } == masked(body, ["address.city", "address.geo", "data"])
