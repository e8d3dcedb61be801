"""A bulk answer is believed where its names add up; where they do not, rows stay open."""

from __future__ import annotations

from typing import Any

import pytest

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
    return answer(counts, who, users_meaning("update", "prefer_user_id"), **lists)


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
    ("name", "prefer", "only", "index", "upsert"),
    [
        ("notFoundUserIds", ABSENT, ABSENT, ABSENT, Rejected(RejectReason.UNEXPLAINED, 200)),
        ("invalidUserIds", ABSENT, *[Rejected(RejectReason.INVALID_IDENTITY, 200)] * 3),
        ("invalidDataUserIds", *[Rejected(RejectReason.INVALID_DATA, 200)] * 4),
        ("conflictUserIds", *[Rejected(RejectReason.CONFLICT, 200)] * 4),
        ("forgottenUserIds", *[FORGOTTEN] * 4),
        ("noOpUserIds", ABSENT, ABSENT, Unchanged(), Unchanged()),
    ],
)
def test_every_list_has_its_meaning(
    name: str, prefer: Outcome, only: Outcome, index: Outcome, upsert: Outcome
) -> None:
    """Where Iterable itself skips unknown ids one is absent, however it is listed.

    Who was looked up before is there: a no-op has changed nothing, an invalid id is one.
    """
    listed = {name: ["7"]}
    lists, top = ({}, listed) if name.startswith("noOp") else (listed, {})
    counts = (3, 0) if top else (2, 1)
    found = [
        answer(counts, "5 7 9", meaning, dict(top), **lists)
        for meaning in (
            users_meaning("update", "prefer_user_id"),
            users_meaning("update", "update_only"),
            users_meaning("update", "index"),
            users_meaning("update", "look_up"),
            users_meaning("upsert"),
        )
    ]

    assert [[OK, one, OK] for one in (prefer, only, index, index, upsert)] == found


def test_emails_are_matched_whatever_their_case() -> None:
    """Iterable may echo an address as it was written or in lower case."""
    assert [FORGOTTEN, OK] == update((1, 1), "a@b.com c@d.com", forgottenEmails=[" A@B.com"])


def test_user_ids_are_matched_exactly() -> None:
    """`ann` is not `Ann`: who is named is nobody of this call, so nobody is delivered."""
    assert [OPEN, OPEN] == update((1, 1), "ann bob", forgottenUserIds=["Ann"])


@pytest.mark.parametrize(("failed", "others"), [(0, OK), (1, OPEN)])
def test_a_no_op_row_is_unchanged_on_whichever_side_it_is_counted(
    failed: int, others: Outcome
) -> None:
    """Not documented. The one that failed may also be another row, whom nobody names."""
    top = {"noOpUserIds": ["7"]}
    found = answer((3 - failed, failed), "5 7 9", users_meaning("upsert"), top)

    assert [others, Unchanged(), others] == found


def test_a_no_op_does_not_stand_for_a_failure_whose_name_came_back_altered() -> None:
    """Two failed: a, and somebody whom no row is of. It may be c."""
    top = {"noOpUserIds": ["b"]}
    lists: dict[str, Any] = {"invalidUserIds": ["a"], "conflictUserIds": ["c-altered"]}
    found = answer((1, 2), "a b c", users_meaning("upsert"), top, **lists)

    assert [Rejected(RejectReason.INVALID_IDENTITY, 200), Unchanged(), OPEN] == found


def test_a_name_of_no_row_is_not_made_up_for_by_another_users_rows() -> None:
    """One of u's rows failed, and `V` may be v: it is not both rows of u."""
    lists: dict[str, Any] = {"forgottenUserIds": ["u"], "notFoundUserIds": ["V"]}

    assert [OPEN] * 3 == update((1, 2), "u u v", **lists)


def test_an_absence_whose_name_came_back_altered_makes_nobody_delivered() -> None:
    """Where a no-op means that nobody is there; where it means `the same already` all is well."""
    top = {"noOpUserIds": ["7-altered"]}

    assert [OPEN] * 2 == answer((2, 0), "5 7", users_meaning("update", "prefer_user_id"), top)
    assert [OK] * 2 == answer((2, 0), "5 7", users_meaning("update", "index"), top)


def test_a_single_row_that_was_counted_as_a_success_is_one() -> None:
    """Whoever else is named: there is no other row."""
    assert [OK] == update((1, 0), "7", invalidEmails=["no address"])


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
        (users_meaning("update", "prefer_user_id"), ABSENT),
        (users_meaning("update", "index"), Rejected(RejectReason.INVALID_IDENTITY, 200)),
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
