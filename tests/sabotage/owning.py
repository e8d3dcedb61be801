"""The ledger: one poller alone has the word, and each knows what the others left."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_ACCOUNT = "worker/stages/account.py"
_ADMIT = "worker/stages/admit.py"
_LEDGER = "worker/rules/ledger.py"
_PUBLISH = "worker/stages/publish.py"

OWNING = (
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
        old="        )\n        await self._follow()\n        self._refuse_fenced()\n",
        new="        )\n        await self._follow()\n",
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
        tests=(
            "tests/unit/stages/test_takeover_account.py::test_a_fenced_commits_keys_are_counted_by_who_reads_them_next",
        ),
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
        file=_ADMIT,
        old="if not self._account.knows(model):",
        new="if not model.name:",
        tests=("tests/unit/stages/test_admit.py::test_a_lost_ledger_is_refused",),
    ),
    Mutation(
        name="lost_topic",
        promise="A topic that was deleted is not taken for one that holds all rows.",
        file=_ADMIT,
        old="if self._account.progress(model).watermark is not None:",
        new="if not model.name:",
        tests=("tests/unit/stages/test_admit.py::test_a_lost_topic_is_refused",),
    ),
    Mutation(
        name="fingerprint",
        promise="A model whose SQL changed is not read on from the old one's watermark.",
        file=_ACCOUNT,
        old='if progress.fingerprint not in {"", sql_fingerprint(model)}:',
        new='if progress.fingerprint in {" "}:',
        tests=("tests/unit/stages/test_poll.py::test_another_statement_is_another_model",),
    ),
    Mutation(
        name="takeover_held",
        promise="What a replaced poller reserved at the last moment is read again or charged.",
        file=_ACCOUNT,
        old="held = held.or_more(inherited)",
        new="del inherited",
        tests=(
            "tests/unit/stages/test_takeover_account.py::test_what_was_reserved_at_the_last_moment_is_held_and_charged",
        ),
    ),
    Mutation(
        name="takeover_reserved",
        promise="They stay reserved though their successor's first entry did not know of them.",
        file=_LEDGER,
        old="held = held.or_more(before._replace(rows=before.rows - entry.uncertain))",
        new="held = held._replace(rows=held.rows + 0 * before.rows)",
        tests=(
            "tests/unit/stages/test_takeover_account.py::test_what_was_reserved_at_the_last_moment_is_held_and_charged",
        ),
    ),
)
