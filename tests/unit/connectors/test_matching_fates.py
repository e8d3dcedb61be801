"""Whatever is lost of an answer: each row has its fate or stays open."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.iterable.answers import events_meaning, users_meaning
from connectors.iterable.matching import match
from connectors.records import (
    Delivered,
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Undetermined,
)

ABSENT = Skipped(SkipReason.ABSENT)
FORGOTTEN = Skipped(SkipReason.FORGOTTEN)
LATER = Postponed(RejectReason.UNKNOWN_USER, 200)
OPEN = Undetermined()
OK = Delivered()

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


ABSENCES = FATES | {"notFound": ABSENT, "noOp": ABSENT}


@settings(deadline=None)
@given(
    made=st.lists(st.tuples(st.sampled_from([*ABSENCES]), st.integers(1, 3)), min_size=2),
    once=st.booleans(),
    idle_failed=st.booleans(),
    data=st.data(),
)
def test_names_that_got_lost_or_altered_never_make_a_failure_a_delivery(
    *, made: list[tuple[str, int]], once: bool, idle_failed: bool, data: st.DataObject
) -> None:
    """Each row has its fate or stays open, on whichever side no-ops are counted."""
    pairs = [(fate, f"u{n}@x.com") for n, (fate, rows) in enumerate(made) for _ in range(rows)]
    fates, who = [fate for fate, _ in pairs], [name for _, name in pairs]
    body = rendered(fates, who, once=once)
    idle = body["failedUpdates"].pop("noOpEmails", [])
    body["invalidEmails"] = [name for name in body["invalidEmails"] if name not in idle]
    body["noOpEmails"] = idle
    if not idle_failed:
        body["failCount"] -= fates.count("noOp")
        body["successCount"] += fates.count("noOp")
    come_back = {name.upper(): [name.upper()] for name in who}
    for name in data.draw(st.sets(st.sampled_from(who))):
        # What is lost of a no-op leaves no trace at all where it is counted as a success.
        is_traceless = name.upper() in idle and not idle_failed
        altered = [f"other-{name}"]
        come_back[name.upper()] = altered if is_traceless else data.draw(lost_or(altered))
    for lists in (body["failedUpdates"], body):
        for key, names in lists.items():
            if isinstance(names, list):
                lists[key] = [new for one in names for new in come_back[one]]

    found = match(body, who, users_meaning("update", "prefer_user_id"), 200)

    for fate, outcome in zip(fates, found, strict=True):
        assert outcome in (ABSENCES[fate], OPEN)


def lost_or(altered: list[str]) -> st.SearchStrategy[list[str]]:
    return st.sampled_from([[], altered])
