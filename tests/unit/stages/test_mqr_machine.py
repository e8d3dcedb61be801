"""Whatever happens in whatever order: what may be billed is in the books, and below the limit."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.stages.mqr_world import MqrWorld
from worker.rules.mqr import MqrPolicy
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

DAY_NS = 86_400 * NS
key_sets = st.sets(st.sampled_from("abcdefghijkl"), min_size=1, max_size=8)
zones = st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
limits = st.integers(1, 30)


class Books(RuleBasedStateMachine):
    """Rows come, change and go; polls end, break off and crash; periods and limits change."""

    world: MqrWorld

    @initialize(
        limit=limits,
        start_day=st.sampled_from([1, 25, 31]),
        zone=zones,
        max_rows=st.integers(1, 6),
        overlap=st.sampled_from([0.0, 5.0]),
    )
    def a_poller_starts(
        self, limit: int, start_day: int, zone: str, max_rows: int, overlap: float
    ) -> None:
        window = WindowPolicy(overlap, 0.0, max_rows=max_rows, commit_rows=3)
        self.world = MqrWorld(MqrPolicy(limit, "stop", start_day, zone), window)

    @rule(keys=key_sets, name=st.sampled_from("xyz"))
    def rows_are_written(self, keys: set[str], name: str) -> None:
        self.world.write(name, keys)

    @rule(keys=key_sets)
    def rows_leave_the_model(self, keys: set[str]) -> None:
        self.world.delete(keys)

    @rule()
    def a_poll_goes_well(self) -> None:
        if self.world.poll() == "complete":
            self._check_exact()

    @rule(after_steps=st.integers(1, 25), keeps_index=st.booleans())
    def a_poll_crashes(self, after_steps: int, *, keeps_index: bool) -> None:
        self.world.poll_crashing(after_steps, keeps_index=keeps_index)

    @rule(after_steps=st.integers(1, 25), steps=st.sampled_from([1, 2, 100]))
    def a_poll_fails(self, after_steps: int, steps: int) -> None:
        self.world.poll_failing(after_steps, steps)

    @rule(keeps_index=st.booleans())
    def a_process_is_replaced(self, *, keeps_index: bool) -> None:
        self.world.restart(keeps_index=keeps_index)

    @rule(days=st.sampled_from([1, 6, 31]))
    def days_pass(self, days: int) -> None:
        self.world.bill.clock_ns += days * DAY_NS

    @rule(limit=limits)
    def the_contract_changes(self, limit: int) -> None:
        self.world.bill.policy = replace(self.world.bill.policy, limit=limit)
        self.world.restart(keeps_index=True)

    @invariant()
    def the_bill_is_covered(self) -> None:
        self.world.bill.check()

    def _check_exact(self) -> None:
        """Nothing is held after a poll that ended; every row that stood still is counted."""
        bill = self.world.bill
        assert 0 == bill.state.reserved_by_others(bill.period, "nobody")
        assert bill.unseen() <= bill.hidden.get(bill.period, set())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            if self.world.settle() == "complete":
                self._check_exact()
            self.world.close()


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=50,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
