"""IterableUsers on the Iterable stand-in: what becomes of each row, by its outcome and in truth."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from connectors.iterable.answers import Mode
from connectors.iterable.bulk import MAX_BODY_BYTES, MAX_ROWS
from connectors.records import (
    Delivered,
    MappedRow,
    Outcome,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
)
from tests.iterable_project import BULK, Project, deliver, item, run_project
from tests.topics import wait_until

ABSENT = Skipped(SkipReason.ABSENT)


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profiles of users 1 and 2."""
    async with run_project("email") as made:
        made.plant(
            {"email": "one@x.com", "userId": "1", "dataFields": {"kept": True}},
            {"email": "two@x.com", "userId": "2"},
        )
        yield made


async def test_update_mode_writes_who_is_there_and_creates_nobody(project: Project) -> None:
    """The documented fast way: matched by userId, absent users skipped, other fields kept."""
    users = project.users("update")
    outcomes = await deliver(users, ("1", {"n": 1}), ("9", {"n": 9}), ("2", {"n": 2}))

    assert [Delivered(), ABSENT, Delivered()] == outcomes
    assert {"1": {"kept": True, "n": 1}, "2": {"n": 2}} == project.profiles()
    [call] = project.journal()
    assert (BULK, 200, 3) == (call.path, call.status, call.rows)


@pytest.mark.parametrize(
    ("named", "legacy"),
    [
        ("notFoundUserIds", False),
        ("invalidUserIds", False),
        ("noOpUserIds", False),
        # The legacy envelope has no list of no-ops: such a row can't be told from a delivered one.
        ("notFoundUserIds", True),
        ("invalidUserIds", True),
    ],
)
async def test_absent_users_are_skipped_wherever_they_are_named(
    project: Project, named: str, *, legacy: bool
) -> None:
    """It is not documented in which list they land, nor in which envelope."""
    project.turn(unknown_user_list=named, legacy_envelope=legacy)
    outcomes = await deliver(project.users("update"), ("9", {}), ("1", {"n": 1}), ("8", {}))

    assert [ABSENT, Delivered(), ABSENT] == outcomes
    assert {"1", "2"} == project.profiles().keys()


async def test_upsert_mode_creates_who_is_absent(project: Project) -> None:
    """By userId too: a profile without an e-mail address is made for an unknown user."""
    outcomes = await deliver(project.users("upsert"), ("1", {"n": 1}), ("9", {"n": 9}))

    assert [Delivered(), Delivered()] == outcomes
    assert project.profiles()["1"] == {"kept": True, "n": 1}
    assert len(project.profiles()) == 3


async def test_addresses_are_matched_whatever_their_case(project: Project) -> None:
    """One spelling of an address is one profile, also in the outcomes."""
    users = project.users("upsert", match="email")
    outcomes = await deliver(users, (" ONE@X.com", {"n": 1}), ("New@x.com", {"n": 2}))

    assert [Delivered(), Delivered()] == outcomes
    assert project.profiles()["1"] == {"kept": True, "n": 1}
    assert project.profiles()["new@x.com"] == {"n": 2}


@pytest.mark.parametrize("kind", ["userId", "hybrid"])
async def test_projects_of_other_types_are_upserted_by_user_id(kind: str) -> None:
    """There the flag preferUserId means nothing and is not sent."""
    wanted = "userId" if kind == "userId" else "hybrid"
    async with run_project(wanted) as project:  # type: ignore[arg-type]  # one of the two
        users = project.users("upsert", project_type=wanted)  # type: ignore[arg-type]
        assert [Delivered(), Delivered()] == await deliver(users, ("1", {"n": 1}), ("2", {}))
        assert {"1": {"n": 1}, "2": {}} == project.profiles()


async def test_a_null_clears_a_field_and_a_missing_one_stays(project: Project) -> None:
    """What the mapping sends as null is gone; what it leaves out is untouched."""
    users = project.users("update")
    await deliver(users, ("1", {"a": "x", "b": "y"}))
    await deliver(users, ("1", {"a": None}))

    assert project.profiles()["1"].get("a") is None
    assert (project.profiles()["1"]["b"], project.profiles()["1"]["kept"]) == ("y", True)


async def test_a_forgotten_user_is_skipped(project: Project) -> None:
    """GDPR: never retried, never a dead letter; the others are delivered."""
    project.forget("2")
    outcomes = await deliver(project.users("upsert"), ("1", {}), ("2", {"n": 1}))

    assert [Delivered(), Skipped(SkipReason.FORGOTTEN)] == outcomes
    assert "n" not in project.profiles()["2"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("update", ABSENT), ("upsert", Rejected(RejectReason.INVALID_IDENTITY, 200))],
)
async def test_the_legacy_envelope_does_not_say_that_a_user_is_forgotten(
    project: Project, mode: Mode, expected: Outcome
) -> None:
    """It names who failed, not why: the row is skipped or set aside, never called delivered."""
    project.turn(legacy_envelope=True)
    project.forget("2")

    assert [Delivered(), expected] == await deliver(project.users(mode), ("1", {}), ("2", {}))


async def test_an_address_only_iterable_finds_invalid_is_rejected_alone(project: Project) -> None:
    """Ours is the wider idea of an address; theirs is the one that counts."""
    users = project.users("upsert", match="email")
    outcomes = await deliver(users, ("one@x.com", {}), ("a..b@x.com", {}), ("c@x.com", {}))

    assert [Delivered(), Rejected(RejectReason.INVALID_IDENTITY, 200), Delivered()] == outcomes


@pytest.mark.parametrize(
    "identity", ["", " ", "no address", "a@b", "@x.com", "a@x..com", "a b@x.com"]
)
async def test_what_can_be_no_address_is_not_sent(project: Project, identity: str) -> None:
    """Known before the call: no item is made of it."""
    users = project.users("upsert", match="email")
    assert users.encode(MappedRow(identity), b"1") is None


@pytest.mark.parametrize("identity", ["", " 1", "1 ", "x" * 53, "ü", "a\tb"])
async def test_what_can_be_no_user_id_is_not_sent(project: Project, identity: str) -> None:
    """At most 52 printable ASCII characters without space at either end."""
    assert project.users("upsert").encode(MappedRow(identity), b"1") is None


async def test_a_row_with_a_text_beyond_any_field_is_rejected_alone(project: Project) -> None:
    """Iterable says it row by row: invalid data, the others are delivered."""
    outcomes = await deliver(project.users("update"), ("1", {"t": "x" * 2_000_000}), ("2", {}))

    assert [Rejected(RejectReason.INVALID_DATA, 200), Delivered()] == outcomes


async def test_one_user_twice_in_a_call_has_two_outcomes(project: Project) -> None:
    """The worker never does it; the answer still adds up."""
    outcomes = await deliver(project.users("update"), ("9", {}), ("1", {}), ("9", {}))

    assert [Delivered() if o == Delivered() else ABSENT for o in outcomes] == [
        ABSENT,
        Delivered(),
        ABSENT,
    ]


@pytest.mark.parametrize("mode", ["update", "upsert"])
async def test_a_full_call_is_within_the_limits(project: Project, mode: Mode) -> None:
    """1,000 rows of almost 3.5 kB in one call: accepted, each with its outcome."""
    users = project.users(mode)
    rows = [item(users, str(n + 1), t="x" * 3_300) for n in range(MAX_ROWS)]
    assert sum(len(row.body) for row in rows) < MAX_BODY_BYTES

    outcomes = (await users.deliver(rows)).outcomes

    delivered = sum(outcome == Delivered() for outcome in outcomes)
    assert delivered == (2 if mode == "update" else MAX_ROWS)
    assert len(outcomes) == MAX_ROWS
    assert len(project.journal()) == 1


async def test_delivered_means_accepted_and_seen_later(project: Project) -> None:
    """Iterable applies after it answered: the outcome does not wait for that."""
    project.turn(apply_delay_seconds=0.5)
    began = time.monotonic()
    assert [Delivered()] == await deliver(project.users("update"), ("1", {"n": 1}))
    assert time.monotonic() - began < 0.4
    assert "n" not in project.profiles()["1"]

    wait_until(lambda: project.profiles()["1"].get("n") == 1, seconds=3)


async def test_the_probe_changes_nothing(project: Project) -> None:
    """It costs none of the bulk endpoint's calls."""
    await project.users("update").probe()

    [call] = project.journal()
    assert ("GET", "/api/lists", 200) == (call.method, call.path, call.status)
