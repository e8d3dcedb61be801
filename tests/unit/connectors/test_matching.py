"""A bulk answer is believed where its names add up; where they do not, rows stay open."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.iterable.answers import events_meaning, users_meaning
from connectors.iterable.matching import Meaning, match
from connectors.records import (
    Delivered,
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Undetermined,
)

ABSENT = Skipped(SkipReason.ABSENT)
FORGOTTEN = Skipped(SkipReason.FORGOTTEN)
LATER = Postponed(RejectReason.UNKNOWN_USER, 200)
OPEN = Undetermined()
OK = Delivered()


def answer(
    counts: tuple[int, int],
    who: str,
    meaning: Meaning,
    top: dict[str, Any] | None = None,
    **lists: Any,
) -> list[Outcome]:
    body = {"successCount": counts[0], "failCount": counts[1], "failedUpdates": lists}
    return match(body | (top or {}), who.split(), meaning, 200)


def update(counts: tuple[int, int], who: str, **lists: Any) -> list[Outcome]:
    return answer(counts, who, users_meaning("update"), **lists)


def test_an_answer_that_adds_up_is_believed() -> None:
    """The named rows have their reason, all others are delivered."""
    assert [OK] * 3 == update((3, 0), "5 7 9")
    assert [OK, ABSENT, OK] == update((2, 1), "5 7 9", notFoundUserIds=["7"])


@pytest.mark.parametrize("counts", [(1, 2), (3, 1), (3, 0), (0, 3), (2, 0), (4, -1), (-2, 5)])
def test_one_that_does_not_leaves_rows_open(counts: tuple[int, int]) -> None:
    """One is named but two failed: the other two rows are asked about again."""
    assert [OPEN, ABSENT, OPEN] == update(counts, "5 7 9", notFoundUserIds=["7"])


def test_a_200_may_fail_every_row() -> None:
    """The status says nothing of rows."""
    assert [ABSENT] * 3 == update((0, 3), "5 7 9", notFoundUserIds=["5", "7", "9"])


@pytest.mark.parametrize(
    ("name", "expected", "upsert"),
    [
        ("notFoundUserIds", ABSENT, Rejected(RejectReason.UNEXPLAINED, 200)),
        ("invalidUserIds", ABSENT, Rejected(RejectReason.INVALID_IDENTITY, 200)),
        ("invalidDataUserIds", *[Rejected(RejectReason.INVALID_DATA, 200)] * 2),
        ("conflictUserIds", *[Rejected(RejectReason.CONFLICT, 200)] * 2),
        ("forgottenUserIds", *[FORGOTTEN] * 2),
    ],
)
def test_every_list_has_its_meaning(name: str, expected: Outcome, upsert: Outcome) -> None:
    """An id that update mode can't find is absent, however Iterable lists it."""
    lists: dict[str, Any] = {name: ["7"]}

    assert expected == answer((2, 1), "5 7 9", users_meaning("update"), **lists)[1]
    assert upsert == answer((2, 1), "5 7 9", users_meaning("upsert"), **lists)[1]


def test_emails_are_matched_whatever_their_case() -> None:
    """Iterable may echo an address as it was written or in lower case."""
    assert [FORGOTTEN, OK] == update((1, 1), "a@b.com c@d.com", forgottenEmails=[" A@B.com"])


def test_user_ids_are_matched_exactly() -> None:
    """`ann` is not `Ann`: who is named is nobody of this call, so nobody is delivered."""
    assert [OPEN, OPEN] == update((1, 1), "ann bob", forgottenUserIds=["Ann"])


@pytest.mark.parametrize("failed", [0, 1])
def test_a_no_op_row_is_unchanged_on_whichever_side_it_is_counted(failed: int) -> None:
    """Not documented: as a success or as a failure."""
    top = {"noOpUserIds": ["7"]}
    found = answer((3 - failed, failed), "5 7 9", users_meaning("upsert"), top)

    assert [OK, Unchanged(), OK] == found


def test_the_deprecated_lists_repeat_the_others() -> None:
    """One failure in two lists is one failure, with the reason of the list that has one."""
    top = {"invalidUserIds": ["7"], "invalidEmails": []}
    found = answer((2, 1), "5 7 9", users_meaning("upsert"), top, conflictUserIds=["7"])

    assert [OK, Rejected(RejectReason.CONFLICT, 200), OK] == found


def test_one_failure_in_two_lists_is_not_two_rows() -> None:
    """One of this user's rows failed, so the other one may not have."""
    top = {"invalidUserIds": ["7"]}
    found = answer((2, 1), "5 7 7", events_meaning(), top, notFoundUserIds=["7"])

    assert [OK, OPEN, OPEN] == found


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        (users_meaning("upsert"), Rejected(RejectReason.INVALID_IDENTITY, 200)),
        (users_meaning("update"), ABSENT),
        (events_meaning(), LATER),
    ],
)
def test_who_stands_in_a_deprecated_list_alone_failed(meaning: Meaning, expected: Outcome) -> None:
    """The older envelope has no other; of events it lists whoever is not found."""
    assert [OK, expected] == answer((1, 1), "5 7", meaning, {"invalidUserIds": ["7"]})


def test_several_rows_of_one_user_fail_together() -> None:
    """Named once for each of them, or once for all: either way it adds up."""
    for named in (["7", "7"], ["7"]):
        assert [OK, LATER, LATER] == answer(
            (1, 2), "5 7 7", events_meaning(), notFoundUserIds=named
        )


def test_which_of_a_users_rows_failed_stays_open() -> None:
    """One failure, two rows: both are asked about again, the rest is delivered."""
    found = answer((2, 1), "5 7 7", events_meaning(), notFoundUserIds=["7"])

    assert [OK, OPEN, OPEN] == found


def test_two_reasons_for_one_user_leave_its_rows_open() -> None:
    """One row is a no-op and one has failed; nothing says which."""
    top = {"noOpUserIds": ["7"]}
    found = answer((1, 1), "7 7", users_meaning("upsert"), top, conflictUserIds=["7"])

    assert [OPEN, OPEN] == found


def test_two_reasons_for_one_row_are_one_failure() -> None:
    """A forgotten user is skipped, whatever else is wrong with the row."""
    lists: dict[str, Any] = {"conflictUserIds": ["7"], "forgottenUserIds": ["7"]}

    assert [OK, FORGOTTEN] == update((1, 1), "5 7", **lists)


def test_a_single_row_that_failed_without_a_name_is_rejected() -> None:
    """Nothing smaller can be asked."""
    assert [Rejected(RejectReason.UNEXPLAINED, 200)] == update((0, 1), "7")


def test_a_single_row_failed_for_what_the_answer_names() -> None:
    """An address inside its fields is the invalid one: there is no other row it could be of."""
    found = update((0, 1), "7", invalidEmails=["no address"])

    assert [Rejected(RejectReason.INVALID_IDENTITY, 200)] == found


def test_a_failed_row_is_not_unchanged_because_somebody_else_is() -> None:
    """Who is named as a no-op did not fail."""
    found = answer((0, 1), "7", users_meaning("upsert"), {"noOpUserIds": ["8"]})

    assert [Rejected(RejectReason.UNEXPLAINED, 200)] == found


def test_junk_in_lists_is_no_name() -> None:
    """Numbers, nulls and lists of other shapes name nobody."""
    for junk in (None, "7", 7, {"7": 1}, [7, None, ["7"]]):
        assert [OK, OPEN] != update((1, 1), "5 7", notFoundUserIds=junk)
        assert [OPEN, OPEN] == update((1, 1), "5 7", notFoundUserIds=junk)


FATES: dict[str, Outcome] = {
    "": OK,
    "notFound": LATER,
    "invalidData": Rejected(RejectReason.INVALID_DATA, 200),
    "conflict": Rejected(RejectReason.CONFLICT, 200),
    "forgotten": FORGOTTEN,
}
users = st.lists(st.tuples(st.sampled_from([*FATES]), st.integers(1, 3)), min_size=2, max_size=8)


def rendered(fates: Sequence[str], who: Sequence[str], *, once: bool) -> dict[str, Any]:
    """The answer to these rows; `once` names a user one time, however many of its rows failed."""
    lists: dict[str, list[str]] = {}
    for fate, name in zip(fates, who, strict=True):
        names = lists.setdefault(f"{fate}Emails", [])
        if fate and not (once and name.upper() in names):
            names.append(name.upper())
    failed = sum(bool(fate) for fate in fates)
    lists.pop("Emails", None)
    return {
        "successCount": len(who) - failed,
        "failCount": failed,
        "invalidEmails": [name for names in lists.values() for name in names],
        "failedUpdates": lists,
    }


@settings(deadline=None)
@given(made=users, once=st.booleans(), dice=st.randoms(use_true_random=False))
def test_a_complete_answer_gives_every_row_its_fate(
    *, made: list[tuple[str, int]], once: bool, dice: random.Random
) -> None:
    """Several rows a user, in any order, in two spellings, named for each row or once."""
    pairs = [(fate, f"u{n}@x.com") for n, (fate, rows) in enumerate(made) for _ in range(rows)]
    dice.shuffle(pairs)
    fates, who = [fate for fate, _ in pairs], [name for _, name in pairs]

    found = match(rendered(fates, who, once=once), who, events_meaning(), 200)

    assert [FATES[fate] for fate in fates] == found


@settings(deadline=None)
@given(made=users, once=st.booleans(), data=st.data())
def test_names_that_got_lost_never_make_a_failure_a_delivery(
    *, made: list[tuple[str, int]], once: bool, data: st.DataObject
) -> None:
    """Each row has its fate or stays open, whatever names came back altered or not at all."""
    pairs = [(fate, f"u{n}@x.com") for n, (fate, rows) in enumerate(made) for _ in range(rows)]
    fates, who = [fate for fate, _ in pairs], [name for _, name in pairs]
    body = rendered(fates, who, once=once)
    lost = data.draw(st.sets(st.sampled_from(who)))
    for lists in (body["failedUpdates"], body):
        for name, names in lists.items():
            if isinstance(names, list):
                lists[name] = [one for one in names if one.lower() not in lost]

    found = match(body, who, events_meaning(), 200)

    for fate, outcome in zip(fates, found, strict=True):
        assert outcome in (FATES[fate], OPEN)
