"""Each row is sent or absent, once, in order for its profile, whatever is answered when."""

from __future__ import annotations

import asyncio

from connectors.errors import ConfigurationError, RetryableError, ThrottledError
from tests.fakes import P0, turns
from tests.unit.stages.exist_desk import ExistDesk, FakeDirectory, of_rows
from worker.rules.asking import AskingPolicy
from worker.rules.existence import ExistencePolicy


async def test_a_backlog_is_settled_by_one_export() -> None:
    """Not one look-up: whoever is not in it was absent after the row was written."""
    desk = ExistDesk(FakeDirectory("a", "b"), AskingPolicy())
    for name in "axby":
        desk.add(name)
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 4)

    assert (["a", "b"], ["x", "y"]) == desk.names
    assert (1, []) == (desk.directory.exports, desk.directory.looked_up)
    assert ([2], {"ok": 1}) == (desk.meter.indexed, desk.meter.exports)


async def test_a_row_younger_than_the_export_is_looked_up() -> None:
    """Its profile may be younger too; found it is sent, not found it is absent."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.add("a")
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))
        desk.directory.profiles.add("new")
        for name in ("new", "nobody"):
            desk.add(name, age_seconds=0.0)
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 3)
        assert (["a", "new"], ["nobody"]) == desk.names
        # What was found is known from now on.
        desk.add("new", age_seconds=0.0)
        await desk.until(lambda: desk.names == (["a", "new", "new"], ["nobody"]))

    assert ["new", "nobody"] == desk.directory.looked_up
    assert {"found": 1, "absent": 1} == desk.meter.look_ups


async def test_a_deleted_profile_is_not_sent_after_an_hour() -> None:
    """Sending would make it anew."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.add("a")
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))
        desk.directory.profiles.clear()
        desk.clock.seconds += 3_601.0
        desk.add("a", age_seconds=0.0)
        await desk.until(lambda: desk.names == (["a"], ["a"]))

    assert ["a"] == desk.directory.looked_up


async def test_while_a_row_is_looked_up_its_newer_version_waits() -> None:
    """Of `A0 A1 A2` A0 goes first, then A2 for both; never A0 after A2."""
    directory = FakeDirectory("A", hold=True)
    desk = ExistDesk(directory, AskingPolicy(exports=False))
    desk.add("A", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: len(directory.out) == 1)
        desk.add("A", age_seconds=0.0)
        desk.add("A", age_seconds=0.0)
        await turns(30)
        assert ([], 1) == (desk.out.sent, len(directory.out))
        directory.out.pop()[1].set_result(None)
        await desk.until(lambda: len(desk.out.sent) == 2)

    assert [[0], [1, 2]] == [of_rows([entry]) for entry in desk.out.sent]


async def test_an_export_that_lacks_profiles_makes_nobody_absent() -> None:
    """It ended early and said nothing: its first misses are looked up, and one is found."""
    directory = FakeDirectory(*(f"p{n}" for n in range(40)))
    directory.exported = ["p0", "p1"]
    desk = ExistDesk(directory, AskingPolicy(), ExistencePolicy(proofs=3))
    for n in range(40):
        desk.add(f"p{n}")
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 40)

    assert ([], 40) == (desk.out.gone, len(desk.out.sent))
    assert {"ok": 1, "incomplete": 1} == desk.meter.exports


async def test_after_its_proofs_an_export_is_believed() -> None:
    """Three look-ups that find nobody, and at most as many more as were under way."""
    asking = AskingPolicy(look_ups_at_once=2, look_ups_per_export=50)
    desk = ExistDesk(FakeDirectory("a"), asking, ExistencePolicy(proofs=3))
    for n in range(500):
        desk.add(f"absent{n}")
    async with desk.running():
        await desk.until(lambda: len(desk.out.gone) == 500)

    assert 3 <= len(desk.directory.looked_up) <= 5
    assert 1 == desk.directory.exports


async def test_a_broken_export_is_repeated_and_nothing_of_it_is_used() -> None:
    """Look-ups go on meanwhile; it is repeated a minute after at the earliest."""
    desk = ExistDesk(FakeDirectory("a", "b"), AskingPolicy(patience_seconds=1e9))
    desk.directory.export_failures = [RetryableError("broke off", kind="network")]
    began = desk.clock.seconds
    for name in "abx":
        desk.add(name)
    async with desk.running():
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 3)
        assert ["a", "b", "x"] == desk.directory.looked_up
        await desk.until(lambda: desk.meter.indexed == [2])

    assert ((["a", "b"], ["x"]), 2) == (desk.names, desk.directory.exports)
    assert {"failed": 1, "ok": 1} == desk.meter.exports
    assert desk.clock.seconds - began >= 60.0


async def test_many_rows_wait_for_an_export_on_its_way() -> None:
    """A hundred here; with three thousand look-ups would take half a minute."""
    directory = FakeDirectory("p1")
    directory.export_gate = asyncio.Event()
    desk = ExistDesk(directory, AskingPolicy(look_ups_per_export=50, patience_seconds=0.0))
    for n in range(100):
        desk.add(f"p{n}")
    async with desk.running():
        await turns(50)
        assert [] == directory.looked_up
        directory.export_gate.set()
        await desk.until(lambda: len(desk.out.sent) + len(desk.out.gone) == 100)

    assert ([], 1) == (directory.looked_up, len(desk.out.sent))


async def test_a_failed_look_up_is_repeated_and_a_429_slows_the_next() -> None:
    """For as long as it takes; the row is neither sent nor absent before."""
    desk = ExistDesk(FakeDirectory("a"), AskingPolicy(exports=False))
    desk.directory.failures = [
        RetryableError("network", kind="network"),
        ConfigurationError("the key is refused", kind="api_key"),
        ThrottledError("slow down", retry_after_seconds=7.0),
    ]
    desk.add("a", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: desk.names == (["a"], []))

    assert ([7.0], 4) == (desk.pace.waits, len(desk.directory.looked_up))
    assert {"failed": 3, "found": 1} == desk.meter.look_ups


async def test_a_stop_ends_every_wait_and_settles_nothing() -> None:
    """A look-up and an export that never answer; their rows have no outcome."""
    directory = FakeDirectory("a", hold=True)
    directory.export_gate = asyncio.Event()
    desk = ExistDesk(directory, AskingPolicy(patience_seconds=0.0))
    desk.add("a", age_seconds=0.0)
    async with desk.running():
        await desk.until(lambda: len(directory.out) == 1)

    assert ([], []) == desk.names
    assert [0] == of_rows(desk.exist.drop(frozenset({P0})))


async def test_a_held_partition_is_not_asked_about_before_its_release() -> None:
    """Nor is anything of it sent."""
    desk = ExistDesk(FakeDirectory("a"))
    desk.exist.hold(P0)
    desk.add("a")
    desk.add("a")
    async with desk.running():
        await turns(30)
        assert ([], 0) == (desk.out.sent, desk.directory.exports)
        desk.exist.release(P0)
        await desk.until(lambda: len(desk.out.sent) == 1)

    assert [0, 1] == sorted(of_rows(desk.out.sent))


async def test_closing_closes_the_directory() -> None:
    """It holds connections."""
    desk = ExistDesk(FakeDirectory())
    await desk.exist.close()

    assert desk.directory.closed
