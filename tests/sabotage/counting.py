"""The ledger: MQR is never counted short, and one poller alone has the word."""

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
        old="if limit == 0:  # nothing will be queried",
        new="if limit >= 0:",
        tests=(
            "tests/unit/stages/test_follow.py::test_what_is_reserved_is_what_was_counted",
            "tests/unit/stages/test_account.py::test_what_a_dead_poller_held_is_charged_to_the_limit",
        ),
    ),
    Mutation(
        name="held_reserve",
        promise="The next reservation keeps what a broken query may have returned.",
        file=_ACCOUNT,
        old="reserved = max(limit, held)",
        new="reserved = limit",
        tests=(
            "tests/unit/stages/test_broken_queries.py::test_rows_of_a_broken_query_are_held_and_let_go_once_read",
            "tests/unit/stages/test_broken_queries.py::test_old_rows_of_the_overlap_do_not_stand_for_those_that_are_held",
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
        old="            await self._commit_failed(reservation, read, error)\n",
        new="",
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
        name="fenced",
        promise="A poller that was replaced notices it and ends.",
        file=_LEDGER,
        old="return self.epoch > epoch or (self.epoch == epoch and self.poller != poller)",
        new="return self.epoch < 0 and epoch < 0 and not poller",
        tests=(
            "tests/unit/stages/test_account.py::test_of_two_pollers_the_second_in_the_log_is_fenced",
        ),
    ),
    Mutation(
        name="void_entries",
        promise="What a replaced poller still writes into the ledger is void.",
        file=_LEDGER,
        old="return entry.epoch > self.epoch",
        new="return True",
        tests=(
            "tests/unit/rules/test_ledger.py::test_a_higher_epoch_makes_what_the_older_writes_later_void",
        ),
    ),
    Mutation(
        name="same_epoch",
        promise="Of two pollers that took the same epoch, the first to write owns the ledger.",
        file=_LEDGER,
        old="return entry.poller == self.poller",
        new="return True",
        tests=(
            "tests/unit/rules/test_ledger.py::test_of_two_pollers_with_one_epoch_the_first_in_the_log_owns_it",
        ),
    ),
    Mutation(
        name="read_back",
        promise="An entry counts once it is read back and nobody took over before it.",
        file=_ACCOUNT,
        old="        await self._follow()\n        self._refuse_fenced()\n\n    def _refuse_fenced",
        new="        await self._follow()\n\n    def _refuse_fenced",
        tests=(
            "tests/unit/stages/test_account.py::test_of_two_pollers_the_second_in_the_log_is_fenced",
        ),
    ),
    Mutation(
        name="lost_ack",
        promise="An entry whose ack was lost is counted before the next one is decided.",
        file=_ACCOUNT,
        old="            await self._follow()\n            period = period_of(",
        new="            period = period_of(",
        tests=(
            "tests/unit/stages/test_review_account.py::test_a_commit_whose_ack_was_lost_counts_before_the_next_query",
        ),
    ),
    Mutation(
        name="void_keys",
        promise="Keys of a void entry are not taken for counted.",
        file=_ACCOUNT,
        old='if self._state.counts(record) and record.entry.kind == "commit":',
        new='if record.entry.kind == "commit":',
        tests=("tests/unit/stages/test_account.py::test_a_fenced_commit_counts_for_nobody",),
    ),
    Mutation(
        name="still_ours",
        promise="A poller that slept through its replacement writes nothing into the topic.",
        file=_PUBLISH,
        old="        await self._account.still_ours()\n",
        new="",
        tests=(
            "tests/unit/stages/test_review_takeover.py::test_an_overtaken_poller_sends_nothing_of_the_page_it_holds",
        ),
    ),
    Mutation(
        name="outrank",
        promise="A poller whose ledger was lost writes above every epoch that the topic holds.",
        file=_PUBLISH,
        old="await self._account.outrank((await",
        new="list((await",
        tests=(
            "tests/unit/stages/test_outrank.py::test_after_a_lost_ledger_epochs_go_on_above_the_topics",
        ),
    ),
    Mutation(
        name="lost_ledger",
        promise="Without its ledger a model is not counted from 0 again.",
        file="worker/stages/admit.py",
        old="if not self._account.knows(model):",
        new="if not model.name:",
        tests=(
            "tests/unit/stages/test_admit.py::test_a_lost_ledger_is_said_and_nothing_is_queried",
        ),
    ),
    Mutation(
        name="lost_topic",
        promise="A topic that was deleted is not taken for one that holds all rows.",
        file="worker/stages/admit.py",
        old="if self._account.progress(model).watermark is not None:",
        new="if not model.name:",
        tests=(
            "tests/unit/stages/test_admit.py::test_a_lost_topic_is_said_and_nothing_is_queried",
        ),
    ),
    Mutation(
        name="fingerprint",
        promise="A model whose SQL changed is not read on from the old one's watermark.",
        file=_ACCOUNT,
        old='if progress.fingerprint not in {"", sql_fingerprint(model)}:',
        new='if progress.fingerprint in {" "}:',
        tests=("tests/unit/stages/test_poll.py::test_another_statement_is_another_model",),
    ),
)
