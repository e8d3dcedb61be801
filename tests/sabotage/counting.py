"""MQR: no record is queried beyond the limit, and none is counted short."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_ACCOUNT = "worker/stages/account.py"
_LEDGER = "worker/rules/ledger.py"
_MQR = "worker/rules/mqr.py"
_PUBLISH = "worker/stages/publish.py"

COUNTING = (
    Mutation(
        name="permitted_rows",
        promise="A query returns no more rows than the MQR limit leaves.",
        file=_MQR,
        old="return max(0, min(wanted, policy.limit - use.taken))",
        new="return wanted",
        tests=(
            "tests/unit/stages/test_account.py::test_the_limit_is_never_passed",
            "tests/unit/rules/test_mqr.py::test_what_is_permitted_never_passes_the_limit",
        ),
    ),
    Mutation(
        name="limit_clause",
        promise="What is permitted stands in the statement, so that no more can come back.",
        file="connectors/snowflake/query.py",
        old=" LIMIT {int(window.limit)}",
        new="",
        tests=(
            "tests/contract/test_source_contract.py::test_windows_cover_the_model_exactly[snowflake]",
        ),
    ),
    Mutation(
        name="limit_permitted",
        promise="A statement is limited to what was reserved for it.",
        file="worker/stages/follow.py",
        old="poll.before, reservation.limit)",
        new="poll.before, max(left, reservation.limit))",
        tests=(
            "tests/unit/stages/test_follow.py::test_near_the_limit_no_crumbs_are_queried",
            "tests/unit/stages/test_one_moment.py::test_pages_and_statements_of_any_size_cut_nothing_off",
        ),
    ),
    Mutation(
        name="reservation",
        promise="Rows are reserved in the ledger before they are queried.",
        file=_ACCOUNT,
        old="if limit:  # else nothing will be queried",
        new="if limit < 0:",
        tests=(
            "tests/unit/stages/test_follow.py::test_what_is_reserved_is_what_was_counted",
            "tests/unit/stages/test_account.py::test_what_a_dead_poller_held_is_charged_to_the_limit",
        ),
    ),
    Mutation(
        name="held_reserve",
        promise="The next reservation keeps what a broken query may have returned.",
        file=_ACCOUNT,
        old="asked = held.or_more(Held(limit))",
        new="asked = Held(limit)",
        tests=(
            "tests/unit/stages/test_broken_queries.py::test_all_rows_of_a_crashed_query_gone_are_all_charged",
        ),
    ),
    Mutation(
        name="held_commit",
        promise="What a broken query may have returned stays reserved until it is read again.",
        file=_LEDGER,
        old="held = max(0, self.held - self.counted - new)",
        new="held = 0",
        tests=(
            "tests/unit/stages/test_broken_queries.py::test_rows_of_a_broken_query_are_held_and_let_go_once_read",
            "tests/unit/rules/test_ledger.py::test_what_a_commit_leaves_reserved_and_what_it_charges",
        ),
    ),
    Mutation(
        name="uncertain",
        promise="Records that a broken query may have returned and that are gone are charged.",
        file=_LEDGER,
        old="return max(0, self.held - self.reread - self.rows_read) if",
        new="return 0 if",
        tests=(
            "tests/unit/stages/test_broken_queries.py::test_rows_of_a_broken_query_that_are_gone_are_charged",
        ),
    ),
    Mutation(
        name="reread_kept",
        promise="What was read again is not charged because the next poll breaks off too.",
        file=_LEDGER,
        old="return left - owed if left else 0",
        new="return 0",
        tests=(
            "tests/unit/rules/test_ledger.py::test_what_was_read_again_stays_so_over_the_next_break",
        ),
    ),
    Mutation(
        name="counted_late",
        promise="Keys count once they were queried, whether or not publishing them works.",
        file=_PUBLISH,
        old='        rows = [(change, b"", b"") for change in changes]\n'
        "        too_large = await self.send(prepared, rows)\n",
        new='        rows = [(change, b"", b"") for change in changes]\n'
        "        late, reservation.mqr_keys = reservation.mqr_keys, []\n"
        "        too_large = await self.send(prepared, rows)\n"
        "        reservation.mqr_keys = late\n",
        tests=(
            "tests/unit/stages/test_review_poll.py::test_a_page_that_could_not_be_sent_counts_too",
        ),
    ),
    Mutation(
        name="failed_commit",
        promise="What was queried before a statement broke is counted.",
        file="worker/stages/follow.py",
        old="await self._publish.commit(reservation, read, None, reservation.ended_by(error))",
        new="pass",
        tests=(
            "tests/unit/stages/test_review_poll.py::test_what_was_read_before_a_break_is_committed",
        ),
    ),
    Mutation(
        name="period_zone",
        promise="A billing period starts at midnight of the contract's zone.",
        file=_MQR,
        old=".astimezone(\n        ZoneInfo(policy.zone)\n    )",
        new=".astimezone(UTC)",
        tests=("tests/unit/rules/test_mqr.py::test_a_period_begins_at_the_zones_own_midnight",),
    ),
    Mutation(
        name="period_clock",
        promise="The source's clock decides the billing period, not this machine's.",
        file=_ACCOUNT,
        old="period = period_of(clock_ns, self.policy.mqr)",
        new='period = period_of(__import__("time").time_ns(), self.policy.mqr)',
        tests=(
            "tests/unit/stages/test_review_poll.py::test_each_statement_counts_into_the_period_in_which_it_starts",
        ),
    ),
    Mutation(
        name="carry_over",
        promise="A new start day of the period gives no records anew.",
        file=_ACCOUNT,
        old="if period not in self._state.opened:",
        new="if not period:",
        tests=(
            "tests/unit/stages/test_period_changes.py::test_a_new_start_day_gives_no_new_records",
        ),
    ),
    Mutation(
        name="keys_per_entry",
        promise="More new keys than a record holds are counted in several.",
        file=_ACCOUNT,
        old="while len(rest) > MAX_NEW_KEYS:",
        new="while len(rest) > 10 * MAX_NEW_KEYS:",
        tests=("tests/unit/stages/test_admit.py::test_more_new_keys_than_a_record_holds",),
    ),
)
