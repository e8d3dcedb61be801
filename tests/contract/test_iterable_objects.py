"""Every object of Iterable keeps these promises: what becomes of each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import product

import pytest

from connectors.errors import RefusedError
from connectors.iterable.bulk import MAX_BODY_BYTES, MAX_ROWS
from connectors.iterable.identity import Match, ProjectType
from connectors.records import Delivered, MappedRow, Rejected, RejectReason, Skipped, SkipReason
from tests.contract.iterable_desks import DESKS, INVALID, PROFILES, Desk, every_desk, for_desks
from tests.iterable_project import NOON_SECONDS, Project, deliver, item, run_project

FORGOTTEN = Skipped(SkipReason.FORGOTTEN)
CONFLICT = Rejected(RejectReason.CONFLICT, 200)
ONE: dict[str, object] = {"n": 1}

RENAMES = {"users, upsert", "lists, add", "lists, mirror"}


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project with the profiles of users 1 and 2."""
    async with run_project("email") as made:
        made.plant(*PROFILES)
        yield made


def permitted() -> Iterator[tuple[Desk, Match, ProjectType]]:
    """Yield what the configuration lets pass; see worker/config/load.py."""
    matches: tuple[Match, ...] = ("email", "userId")
    kinds: tuple[ProjectType, ...] = ("email", "userId", "hybrid")
    for desk, match, kind in product(DESKS, matches, kinds):
        only = desk.name == "users, update"
        if (match, kind) == ("userId", "email") or (
            not only and (match, kind) != ("email", "userId")
        ):
            yield desk, match, kind


@pytest.mark.parametrize(
    ("desk", "match", "kind"),
    [pytest.param(*one, id=f"{one[0].name}, {one[1]} in {one[2]}") for one in permitted()],
)
async def test_rows_are_delivered_in_projects_of_every_type(
    desk: Desk, match: Match, kind: ProjectType
) -> None:
    """By each identifier that the type has; the outcome is the truth."""
    async with run_project(kind) as project:
        project.plant(*PROFILES)
        destination = desk.make(project, match, kind, None)
        who = ["one@x.com", "two@x.com"] if match == "email" else ["1", "2"]
        outcomes = await deliver(destination, (who[0], ONE), (who[1], ONE))

        assert [Delivered(), Delivered()] == outcomes
        assert {"1", "2"} == desk.landed(project)


@every_desk
async def test_a_row_that_is_sent_again_changes_nothing(desk: Desk, project: Project) -> None:
    """At least once is enough: no second event, no second member."""
    destination = desk.make(project, "userId", "email", None)
    rows = [("1", ONE), ("2", ONE)]
    await deliver(destination, *rows)
    before = (project.profiles(), project.happened(), project.members())
    outcomes = await deliver(destination, *rows)

    assert [Delivered(), Delivered()] == outcomes
    assert before == (project.profiles(), project.happened(), project.members())


@every_desk
async def test_a_user_whom_iterable_does_not_know(desk: Desk, project: Project) -> None:
    """Created, skipped, or asked about again later, as the object has it; the others go on."""
    destination = desk.make(project, "userId", "email", None)
    outcomes = await deliver(destination, ("1", ONE), ("9", ONE), ("2", ONE))

    assert [Delivered(), desk.unknown, Delivered()] == outcomes
    assert desk.creates == ("9" in project.profiles())
    assert {"1", "2"} <= desk.landed(project)


@every_desk
async def test_a_forgotten_user_is_skipped(desk: Desk, project: Project) -> None:
    """GDPR: never retried, never a dead letter; the others are delivered."""
    destination = desk.make(project, "userId", "email", None)
    project.forget("2")
    outcomes = await deliver(destination, ("1", ONE), ("2", ONE))

    assert [Delivered(), FORGOTTEN] == outcomes
    assert "2" not in desk.landed(project)


@every_desk
async def test_the_legacy_envelope_says_who_failed_but_not_why(
    desk: Desk, project: Project
) -> None:
    """The row is treated as the object's most likely failure, never as delivered."""
    destination = desk.make(project, "userId", "email", None)
    project.turn(legacy_envelope=True)
    project.forget("2")

    assert [Delivered(), desk.nameless] == await deliver(destination, ("1", ONE), ("2", ONE))


@for_desks(lambda desk: desk.name != "users, update")
async def test_an_address_only_iterable_finds_invalid_is_rejected_alone(
    desk: Desk, project: Project
) -> None:
    """Ours is the wider idea of an address; theirs is the one that counts."""
    destination = desk.make(project, "email", "email", None)
    outcomes = await deliver(
        destination, ("one@x.com", ONE), ("a..b@x.com", ONE), ("two@x.com", ONE)
    )

    assert [Delivered(), INVALID, Delivered()] == outcomes


@every_desk
@pytest.mark.parametrize("match", ["email", "userId"])
@pytest.mark.parametrize("identity", ["", " ", "no address ", " x" * 27, "ü@", "a\tb", "@x.com "])
async def test_what_can_be_no_identity_is_no_item(
    desk: Desk, project: Project, match: Match, identity: str
) -> None:
    """Known before the call: it would refuse the others as well."""
    destination = desk.make(project, match, "email", None)
    row = MappedRow(identity, ONE, {"createdAt": NOON_SECONDS})

    assert None is destination.encode(row, b"1")


@every_desk
async def test_addresses_are_matched_whatever_their_case(desk: Desk, project: Project) -> None:
    """One spelling of an address is one profile, also in the outcomes."""
    destination = desk.make(project, "email", "email", None)
    project.forget("two@x.com")
    outcomes = await deliver(destination, (" ONE@X.com", ONE), ("Two@x.COM", ONE))

    assert [Delivered(), FORGOTTEN] == outcomes
    assert {"1"} == desk.landed(project)


@for_desks(lambda desk: desk.name in RENAMES)
async def test_an_address_that_is_another_profiles_is_a_conflict(desk: Desk) -> None:
    """Where a field of the row renames its profile; events have no such field."""
    async with run_project("hybrid") as project:
        project.plant(*PROFILES)
        destination = desk.make(project, "userId", "hybrid", None)

        assert [CONFLICT] == await deliver(destination, ("1", {"email": "two@x.com"}))
        assert "1" not in desk.landed(project)


@for_desks(lambda desk: desk.has_fields)
async def test_a_value_of_a_wrong_type_names_its_row(desk: Desk, project: Project) -> None:
    """The call is refused whole; the row is found without asking for each."""
    destination = desk.make(project, "userId", "email", None)
    await deliver(destination, ("1", {"n": 1}))
    with pytest.raises(RefusedError) as caught:
        await deliver(destination, ("1", {"n": 2}), ("2", {"n": "private text"}))

    assert RejectReason.FIELD_TYPE == caught.value.reason
    assert {1} == caught.value.guilty
    assert "private" not in str(caught.value)
    assert "2" not in desk.landed(project)


@every_desk
async def test_a_field_that_is_no_object_names_its_row(desk: Desk, project: Project) -> None:
    """A row of a wrong JSON shape: `obj.….[1].…` becomes the guilty row 1."""
    destination = desk.make(project, "userId", "email", None)
    good = item(destination, "1", **ONE)
    bad = type(good)("2", good.body.replace(b'"userId":"1"', b'"userId":2'), "2", good.call)
    with pytest.raises(RefusedError) as caught:
        await destination.deliver([good, bad, good])

    assert RejectReason.INVALID_DATA == caught.value.reason
    assert {1} == caught.value.guilty


@every_desk
async def test_a_full_call_is_within_the_limits(desk: Desk, project: Project) -> None:
    """1,000 rows of almost 3.5 kB in one call: accepted, each with its outcome."""
    destination = desk.make(project, "userId", "email", None)
    limits = destination.limits
    assert (MAX_ROWS, MAX_BODY_BYTES) == (limits.max_rows, limits.max_bytes)
    rows = [item(destination, str(n + 1), n=1, t="x" * 3_200) for n in range(MAX_ROWS)]
    assert sum(len(row.body) + 1 for row in rows) < MAX_BODY_BYTES

    outcomes = (await destination.deliver(rows)).outcomes

    assert [Delivered()] * 2 + [desk.unknown] * (MAX_ROWS - 2) == outcomes
    assert 1 == sum(call.path == desk.endpoint for call in project.journal())


@every_desk
async def test_the_probe_changes_nothing(desk: Desk, project: Project) -> None:
    """It costs none of the bulk endpoint's calls, and makes no list."""
    destination = desk.make(project, "userId", "email", None)
    before = project.members()
    await destination.probe()

    [call] = project.journal()
    assert ("GET", "/api/lists", 200) == (call.method, call.path, call.status)
    assert before == project.members()
