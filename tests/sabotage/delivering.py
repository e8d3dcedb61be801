"""Out of the topic: every row gets an outcome, and an older version never wins."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_CONSUME = "worker/stages/consume.py"
_DELIVER = "worker/stages/deliver.py"
_BATCHING = "worker/rules/batching.py"
_ACCEPT = "worker/stages/accept.py"
_INTAKE = "worker/rules/intake.py"
_JUDGE = "worker/stages/judge.py"

DELIVERING = (
    Mutation(
        name="open_offset",
        promise="No offset is saved beyond a row that has no outcome yet.",
        file="worker/rules/offsets.py",
        old="        self._acked.add(offset)\n",
        new="        self._acked.add(offset)\n"
        "        self._committable = max(self._committable, offset + 1)\n",
        tests=(
            "tests/unit/rules/test_offsets.py::test_the_prefix_alone_may_be_committed",
            "tests/unit/stages/test_consume.py::test_commits_follow_outcomes_and_never_lead",
        ),
    ),
    Mutation(
        name="buried_first",
        promise="A rejected row has its outcome once the dead-letter topic holds it.",
        file=_JUDGE,
        old="        await self._bury.bury(_rejects(judged))\n        self._acknow",
        new="        self._acknow",
        tests=(
            "tests/unit/stages/test_deliver.py::test_rejected_rows_are_buried_before_their_offset_moves",
        ),
    ),
    Mutation(
        name="superseded",
        promise="A row that a replaced poller wrote behind its successor's is not delivered.",
        file=_ACCEPT,
        old="item = SUPERSEDED if behind else self._interpret.item(message)",
        new="item = SUPERSEDED if behind is None else self._interpret.item(message)",
        tests=(
            "tests/unit/stages/test_deliver_epochs.py::test_a_row_of_a_replaced_poller_is_skipped",
        ),
    ),
    Mutation(
        name="epochs_begin",
        promise="A partition that is read again from the start is read with its old epochs.",
        file=_ACCEPT,
        old="        self._epochs.begin(partition)\n",
        new="",
        tests=(
            "tests/unit/stages/test_deliver_epochs.py::test_a_partition_that_came_back_is_read_without_what_was_seen_before",
        ),
    ),
    Mutation(
        name="hold",
        promise="What a crash makes us read again is sent once its newest version is in.",
        file=_INTAKE,
        old="Hold(end, window) if start < end else None",
        new="Hold(end, window) if start < 0 else None",
        tests=(
            "tests/unit/stages/test_consume.py::test_after_an_assignment_rows_in_doubt_are_held",
        ),
    ),
    Mutation(
        name="hold_window",
        promise="No more is in flight than the next owner of the partition reads before it sends.",
        file=_INTAKE,
        old="room = max(0, self.window - self.tracker.unsaved)",
        new="room = self.window + len(waiting)",
        tests=(
            "tests/unit/stages/test_window.py::test_a_stuck_call_stops_its_partition_within_the_window",
        ),
    ),
    Mutation(
        name="keep_ours",
        promise="Rows of a partition that was taken away are not sent any more.",
        file=_DELIVER,
        old="ours = [e for e in entries if self._trackers.get(e.partition) is e.covers[-1][0]]",
        new="ours = list(entries)",
        tests=(
            "tests/unit/stages/test_deliver_ownership.py::test_a_failed_batch_goes_again_without_rows_of_a_revoked_partition",
        ),
    ),
    Mutation(
        name="one_call",
        promise="While a call for a profile is out its newer version waits.",
        file=_BATCHING,
        old="if entry.item.key in self._in_flight:",
        new="if entry.item.key in self._parked:",
        tests=("tests/unit/stages/test_deliver.py::test_a_profile_is_in_one_call_at_a_time",),
    ),
    Mutation(
        name="newest_wins",
        promise="Of two versions that wait the newer one is sent.",
        file=_BATCHING,
        old="newer, older = (entry, before) if _is_newer(entry, before) else (before, entry)",
        new="newer, older = (before, entry) if _is_newer(entry, before) else (entry, before)",
        tests=(
            "tests/unit/stages/test_deliver.py::test_a_waiting_row_is_replaced_by_its_newer_version",
        ),
    ),
    Mutation(
        name="reject_share",
        promise="When most rows are rejected the sync stops and the topic is not emptied.",
        file=_JUDGE,
        old="return not unsure and self._share.passes(len(judged), len(_rejects(judged)))",
        new="return not unsure",
        tests=(
            "tests/unit/stages/test_deliver_rejects.py::test_too_many_rejects_stop_the_sync_and_bury_nothing",
        ),
    ),
    Mutation(
        name="owned_share",
        promise="A process sends at the turns of its partitions only.",
        file=_CONSUME,
        old="self._pace.owns(self._sync, frozenset(p.number for p in self._owned))",
        new="self._pace.owns(self._sync, frozenset(range(99)))",
        tests=(
            "tests/unit/stages/test_consume.py::test_a_process_sends_at_the_share_of_the_partitions_it_has",
        ),
    ),
    Mutation(
        name="throttled",
        promise="After a 429 nothing goes out for as long as the destination asks.",
        file="worker/rules/rate_limit.py",
        old="self.paused_until = max(self.paused_until, now + pause)",
        new="self.paused_until = max(self.paused_until, now)",
        tests=("tests/unit/rules/test_rate_limit.py::test_a_429_pauses_as_long_as_asked",),
    ),
    Mutation(
        name="mapped_column",
        promise="Rows without the column to match by wait for a person, they are not dropped.",
        file="worker/rules/mapping/compile.py",
        old="raise MissingColumnError(self._policy.match_column)",
        new='raise UnmappableError("")',
        tests=(
            "tests/unit/stages/test_interpret.py::test_a_missing_column_stops_the_sync_with_a_sentence",
        ),
    ),
)
