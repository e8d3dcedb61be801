"""Faults hit the calls they were ordered for, as often as ordered, and then no more."""

from __future__ import annotations

import pytest

from connectors.sandbox.iterable.faults import Fault, FaultKind, FaultQueue

HERE, ELSEWHERE = "/api/users/bulkUpdate", "/api/lists"


def test_faults_of_an_endpoint_come_in_order_and_run_out() -> None:
    """Two 500s, then a cut, then nothing; other endpoints are spared."""
    queue = FaultQueue()
    queue.order(Fault.read({"kind": "500", "endpoint": HERE, "count": 2}))
    queue.order(Fault.read({"kind": "cut_after_apply", "endpoint": HERE}))

    assert queue.take(ELSEWHERE) is None
    kinds = [fault.kind if (fault := queue.take(HERE)) else None for _ in range(4)]
    server_error = FaultKind.SERVER_ERROR
    assert [server_error, server_error, FaultKind.CUT_AFTER_APPLY, None] == kinds
    assert queue.waiting() == []


def test_a_probability_hits_the_same_calls_for_the_same_seed() -> None:
    """About a third of the calls, and the very same ones again."""

    def hits() -> list[bool]:
        queue = FaultQueue()
        order = {"kind": "503", "count": 1000, "probability": 0.3, "seed": 7}
        queue.order(Fault.read(order))
        return [queue.take(HERE) is not None for _ in range(500)]

    first = hits()
    assert first == hits()
    assert sum(first) == pytest.approx(150, abs=40)


@pytest.mark.parametrize(
    "order",
    [{}, {"kind": "509"}, {"kind": "500", "count": 0}, {"kind": "500", "often": 3}],
)
def test_an_order_that_makes_no_sense_is_refused(order: dict[str, object]) -> None:
    """A test with a slip in its order must not pass by meeting no fault."""
    with pytest.raises(ValueError, match=r"fault|FaultKind"):
        Fault.read(order)
