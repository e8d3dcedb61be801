"""Towards the destination: never too fast, and no refusal asked about to the end for nothing."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_TURNS = "worker/rules/turns.py"
_RATE = "worker/rules/rate_limit.py"
_SEND = "worker/stages/send.py"
_REJECTS = "tests/unit/stages/test_deliver_rejects.py"
_POSTPONED = "tests/unit/stages/test_deliver_postponed.py"
_TURN_TESTS = "tests/unit/rules/test_turns.py"

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
        old="if now + 1 not in self._weights:",
        new="if self._weights is not None:",
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
        old="while parts and not self._limit.is_hopeless(len(batch), accepted, refused):",
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
        file="worker/stages/deliver.py",
        old="again = [*unsure, *(one.entry for one in judged if _is_reject(one))]",
        new="again = list(unsure)",
        tests=(f"{_REJECTS}::test_a_sync_with_too_many_rejects_heals_by_itself",),
    ),
    Mutation(
        name="last_try",
        promise="A row that is postponed again and again is rejected at last.",
        file="worker/stages/deliver.py",
        old="if one.entry.postponed < self._policy.max_postponed:",
        new="if one.entry.postponed < 99:",
        tests=(f"{_POSTPONED}::test_a_postponed_row_is_asked_about_again_and_rejected_at_last",),
    ),
    Mutation(
        name="postponed_waits",
        promise="A newer version waits for a row that is postponed.",
        file="worker/rules/batching.py",
        old="            if key in self._later:\n                continue\n",
        new="",
        tests=(f"{_POSTPONED}::test_a_newer_version_waits_for_a_postponed_row_and_wins",),
    ),
)
