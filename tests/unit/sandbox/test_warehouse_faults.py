"""Where the warehouse cuts a result off, and for how long."""

from __future__ import annotations

from connectors.sandbox.warehouse.faults import FaultSwitches


def test_a_result_is_cut_from_a_row_on_until_it_is_turned_off() -> None:
    """Chunks before the row come whole; those behind it never do, however often they are asked."""
    switches = FaultSwitches()
    switches.set({"cut_from_row": 400})

    assert [False, True, True, True] == [switches.cuts_off(row) for row in (200, 400, 600, 400)]
    switches.set({"cut_from_row": 0})
    assert not any(switches.cuts_off(row) for row in (200, 400, 600))


def test_downloads_are_cut_as_often_as_ordered() -> None:
    """Two of them, wherever they begin; then no more."""
    switches = FaultSwitches()
    switches.set({"cut_result": 2})

    assert [True, True, False] == [switches.cuts_off(row) for row in (200, 800, 400)]
