"""Towards the destination: never too fast, and no refusal asked about to the end for nothing."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_TURNS = "worker/rules/turns.py"
_RATE = "worker/rules/rate_limit.py"
_SEND = "worker/stages/send.py"
_REJECTS = "tests/unit/stages/test_deliver_rejects.py"
_POSTPONED = "tests/unit/stages/test_deliver_postponed.py"
_POISON = "tests/unit/stages/test_poison_batch.py"
_RATE_TESTS = "tests/unit/rules/test_rate_limit.py"
_RETURNS = "tests/unit/stages/test_partition_returns.py"
_TURN_TESTS = "tests/unit/rules/test_turns.py"
_JUDGE = "worker/stages/judge.py"

PACING = (
    Mutation(
        name="others_turns",
        promise="A process leaves the turns of other processes' partitions alone.",
        file=_TURNS,
        old="return lane.partition in self._owned.get(lane.sync, frozenset())",
        new="return bool(self._owned.get(lane.sync, frozenset()))",
        tests=(f"{_TURN_TESTS}::test_together_they_never_call_too_often",),
    ),
    Mutation(
        name="late_turn",
        promise="A turn that began too long ago is lost, not made up for.",
        file=_RATE,
        old="earliest = math.ceil((wall - self._lateness) / self._slot_seconds)",
        new="earliest = self._next or math.ceil(wall / self._slot_seconds)",
        tests=(f"{_TURN_TESTS}::test_idle_turns_are_not_saved_up",),
    ),
    Mutation(
        name="by_lag",
        promise="Turns follow the backlog.",
        file=_TURNS,
        old="rows = {lane: max(0, behind) + ROWS_OF_GRACE for lane, behind in lag.items()}",
        new="rows = {lane: ROWS_OF_GRACE for lane, behind in lag.items()}",
        tests=(f"{_TURN_TESTS}::test_a_hot_partition_gets_nearly_all_turns",),
    ),
    Mutation(
        name="announced",
        promise="Weights that were announced for a period are not changed any more.",
        file=_TURNS,
        old="if now + 1 not in known:",
        new="if known is not None:",
        tests=(f"{_TURN_TESTS}::test_what_was_announced_holds",),
    ),
    Mutation(
        name="half_the_turns",
        promise="After a 429 calls leave half as often.",
        file=_RATE,
        old="        self._debt += 1.0 / factor - 1.0\n",
        new="",
        tests=(f"{_TURN_TESTS}::test_a_429_leaves_out_every_second_turn",),
    ),
    Mutation(
        name="set_back",
        promise="A clock that is set back stops nothing.",
        file=_RATE,
        old="            self._next = earliest  # the clock was set back\n",
        new="            pass\n",
        tests=(f"{_TURN_TESTS}::test_a_clock_that_is_set_back_does_not_stop_anything",),
    ),
    Mutation(
        name="hopeless",
        promise="A batch that is refused whole is not split to the end.",
        file=_SEND,
        old="while parts and not is_hopeless(len(batch), accepted, refused):",
        new="while parts:",
        tests=(f"{_REJECTS}::test_a_batch_that_is_refused_whole_is_not_split_to_the_end",),
    ),
    Mutation(
        name="drawn_by_lot",
        promise="Bad rows that stand together say nothing of the others.",
        file=_SEND,
        old="drawn = self._dice.sample(part, len(part))",
        new="drawn = list(part)",
        tests=(f"{_REJECTS}::test_bad_rows_that_stand_together_do_not_stop_the_sync",),
    ),
    Mutation(
        name="heals",
        promise="A sync with too many rejects goes on once the cause is gone.",
        file=_JUDGE,
        old="again = [*unsure, *(one.entry for one in judged if _is_reject(one))]",
        new="again = list(unsure)",
        tests=(f"{_REJECTS}::test_a_sync_with_too_many_rejects_heals_by_itself",),
    ),
    Mutation(
        name="last_try",
        promise="A row that is postponed again and again is rejected at last.",
        file=_JUDGE,
        old="return entry.postponed < tries and not is_old",
        new="return not is_old",
        tests=(f"{_POSTPONED}::test_a_postponed_row_is_asked_about_again_and_rejected_at_last",),
    ),
    Mutation(
        name="postponed_waits",
        promise="A newer version waits for a row that is postponed.",
        file=_JUDGE,
        old="        batch[:] = [entry for entry in batch if id(entry) not in ids]\n",
        new="",
        tests=(f"{_POSTPONED}::test_a_newer_version_waits_for_a_postponed_row_and_wins",),
    ),
    Mutation(
        name="had_its_time",
        promise="A backlog is not read at the pace of its unknown users.",
        file=_JUDGE,
        old="is_old = 0 < written < self._clock.now() - tries * seconds",
        new="is_old = written < 0 * tries * seconds",
        tests=(f"{_RETURNS}::test_a_backlog_is_not_read_at_the_pace_of_its_unknown_users",),
    ),
    Mutation(
        name="stale_row",
        promise="A row that is read again counts, not the one of an assignment that ended.",
        file=_JUDGE,
        old="ours = line.keep_ours(rows)\n        for entry in ours:",
        new="ours = list(rows)\n        for entry in ours:",
        tests=(f"{_RETURNS}::test_a_row_postponed_after_its_partition_went_is_read_again",),
    ),
    Mutation(
        name="emptied_line",
        promise="Nobody takes rows of a partition in that was let go.",
        file="worker/stages/consume.py",
        old="            task.cancel()\n        if taking:\n",
        new="            task.done()\n        if not task:\n",
        tests=(
            f"{_RETURNS}::test_rows_that_are_taken_in_while_their_partition_goes_are_given_back",
        ),
    ),
    Mutation(
        name="paused_by_us",
        promise="A partition that we do not read is no stall.",
        file="worker/stages/consume.py",
        old="waits and partition not in self._paused",
        new="waits and partition not in self._accepting",
        tests=(f"{_RETURNS}::test_a_partition_that_we_paused_is_no_stall",),
    ),
    Mutation(
        name="memory_bound",
        promise="Partitions that are held pass the bound of memory by one window at most.",
        file="worker/rules/intake.py",
        old="    if any(i.tracker.unsaved for i in owned.values() if i.hold is None):\n",
        new="    if not owned:\n",
        tests=("tests/unit/rules/test_intake.py::test_however_many_are_held_memory_is_bounded",),
    ),
    Mutation(
        name="good_half",
        promise="A poison row is found although nothing else is delivered beside its batch.",
        file=_SEND,
        old="                parts.insert(0, part)  # the other parts may show whose fault it is\n",
        new="                parts.append(part)\n",
        tests=(f"{_POISON}::test_a_poison_row_is_found_with_nothing_beside_its_batch",),
    ),
    Mutation(
        name="note_read_back",
        promise="Weights that could not be announced are not used.",
        file=_TURNS,
        old="known[now + 1] = self._announced[now + 1] = weigh(self._lanes_behind())",
        new="known[now + 1] = self._weights[now + 1] = weigh(self._lanes_behind())",
        tests=(f"{_TURN_TESTS}::test_a_note_that_could_not_be_committed_changes_nothing",),
    ),
    Mutation(
        name="one_event",
        promise="Calls that were out together halve the rate once.",
        file=_RATE,
        old="if now >= self.paused_until:",
        new="if now >= 0.0:",
        tests=(
            "tests/unit/rules/test_rate_limit.py::test_calls_that_were_out_together_are_one_event",
        ),
    ),
)
