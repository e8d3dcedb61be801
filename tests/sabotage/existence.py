"""Update mode: nobody is made who is not there, and nobody who is there is passed over."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_INDEX = "worker/rules/existence.py"
_ASKING = "worker/rules/asking.py"
_ASK = "worker/stages/ask.py"
_EXIST = "worker/stages/exist.py"
_DIRECTORY = "connectors/iterable/directory.py"
_TEST_INDEX = "tests/unit/rules/test_existence.py"
_TEST_ASKING = "tests/unit/rules/test_asking.py"
_TEST_EXIST = "tests/unit/stages/test_exist.py"
_TEST_EXIST_MACHINE = "tests/unit/stages/test_exist_machine.py"
_TEST_REFUSED = "tests/unit/stages/test_exist_refused.py"
_TEST_DIRECTORY = "tests/contract/test_iterable_directory.py"

EXISTENCE = (
    Mutation(
        name="younger_profile",
        promise="A profile that was made after the export is not passed over.",
        file=_INDEX,
        old="Answer.ABSENT if since >= written_at + self._lag else Answer.ASK",
        new="Answer.ABSENT",
        tests=(
            f"{_TEST_INDEX}::test_a_row_younger_than_the_export_may_be_of_a_younger_profile",
            f"{_TEST_EXIST}::test_a_row_younger_than_the_export_is_looked_up",
        ),
    ),
    Mutation(
        name="aged_export",
        promise="A profile that was deleted is not made anew an hour later.",
        file=_INDEX,
        old="        if now - self._began > self._policy.max_age_seconds:\n"
        "            return Answer.ASK\n",
        new="",
        tests=(
            f"{_TEST_INDEX}::test_after_an_hour_an_export_says_nothing_any_more",
            f"{_TEST_EXIST}::test_a_deleted_profile_is_not_sent_after_an_hour",
        ),
    ),
    Mutation(
        name="aged_look_up",
        promise="What a look-up said is asked again after an hour.",
        file=_INDEX,
        old="            if now - looked.asked_at > self._policy.max_age_seconds:\n"
        "                return Answer.ASK\n",
        new="",
        tests=(f"{_TEST_INDEX}::test_a_look_up_that_finds_a_profile_makes_it_known_for_an_hour",),
    ),
    Mutation(
        name="newest_knowledge",
        promise="A profile that a look-up did not find is not sent because an older export had it.",
        file=_INDEX,
        old="looked is not None and looked.asked_at >= self._began:",
        new="looked is not None and looked.asked_at < 0:",
        tests=(f"{_TEST_INDEX}::test_who_was_deleted_since_the_export_is_not_known_by_it",),
    ),
    Mutation(
        name="proofs",
        promise="An export that ended early without a word makes nobody absent.",
        file=_INDEX,
        old="self._unproven, self.is_doubted = self._policy.proofs, False",
        new="self._unproven, self.is_doubted = 0, False",
        tests=(f"{_TEST_EXIST}::test_an_export_that_lacks_profiles_makes_nobody_absent",),
    ),
    Mutation(
        name="bounded_look_ups",
        promise="What is kept of look-ups stays within its bound.",
        file=_INDEX,
        old="        self._forget(asked_at)\n",
        new="",
        tests=(f"{_TEST_INDEX}::test_look_ups_are_kept_for_their_time_and_in_bounds",),
    ),
    Mutation(
        name="wait_for_export",
        promise="A backlog waits for one export and is not looked up row by row.",
        file=_ASKING,
        old="        if len(self._rows) > self._policy.look_ups_per_export:\n"
        "            return True\n",
        new="",
        tests=(
            f"{_TEST_ASKING}::test_many_rows_wait_for_an_export_that_is_on_its_way",
            f"{_TEST_EXIST}::test_many_rows_wait_for_an_export_on_its_way",
        ),
    ),
    Mutation(
        name="export_on_trial",
        promise="No further export is made while the last one is being proved.",
        file=_INDEX,
        old="        if is_fresh and self._began >= written_at + self._lag:\n"
        "            return False\n",
        new="",
        tests=(f"{_TEST_EXIST}::test_after_its_proofs_an_export_is_believed",),
    ),
    Mutation(
        name="look_ups_meanwhile",
        promise="While a failed export is repeated rows are looked up.",
        file=_EXIST,
        old="        self._asking.export_ended(well=False)\n",
        new="",
        tests=(f"{_TEST_EXIST}::test_a_broken_export_is_repeated_and_nothing_of_it_is_used",),
    ),
    Mutation(
        name="parked_behind",
        promise="A newer version never comes to the next stage before the one that was looked up.",
        file=_EXIST,
        old="        for entry in known:\n            following.send(entry)\n",
        new="        self._line.finish(known)\n"
        "        self._judge(self._line.take(), following)\n"
        "        for entry in known:\n            following.send(entry)\n",
        tests=(f"{_TEST_EXIST}::test_while_a_row_is_looked_up_its_newer_version_waits",),
    ),
    Mutation(
        name="dropped_look_up",
        promise="A row that is looked up while its partition goes is left to the next owner.",
        file=_EXIST,
        old="            asked.append(self._look_ups.pop(task))\n",
        new="",
        tests=(
            f"{_TEST_EXIST_MACHINE}::test_each_row_ends_once_and_versions_stay_in_order",
            f"{_TEST_EXIST}::test_a_stop_ends_every_wait_and_settles_nothing",
        ),
    ),
    Mutation(
        name="export_pace",
        promise="A process makes at most one export a minute.",
        file=_ASK,
        old="            while (wait := self._exports.ask(self._clock.monotonic())) > 0:\n"
        "                await self._persist.pause(wait)\n",
        new="",
        tests=(f"{_TEST_EXIST}::test_a_broken_export_is_repeated_and_nothing_of_it_is_used",),
    ),
    Mutation(
        name="look_up_throttled",
        promise="After a 429 look-ups slow down.",
        file=_ASK,
        old="                throttled(error.retry_after_seconds)\n",
        new="                pass\n",
        tests=(f"{_TEST_EXIST}::test_a_failed_look_up_is_repeated_and_a_429_slows_the_next",),
    ),
    Mutation(
        name="half_a_line",
        promise="An export that ends in the middle of a line is not used.",
        file=_DIRECTORY,
        old="        yield self._identities([rest])\n",
        new="",
        tests=(f"{_TEST_DIRECTORY}::test_what_is_no_export_is_an_error",),
    ),
    Mutation(
        name="odd_address",
        promise="One odd identifier is rejected and does not stop the look-ups of all others.",
        file=_DIRECTORY,
        old="    except (RefusedError, TooLargeError, ConfigurationError) as error:\n",
        new="    except TooLargeError as error:\n",
        tests=(f"{_TEST_DIRECTORY}::test_a_look_up_that_is_refused_is_the_fault_of_its_row",),
    ),
    Mutation(
        name="odd_buried",
        promise="A row that can't be looked up is a dead letter before it has its outcome.",
        file=_ASK,
        old="                await self._bury.bury([Reject(entry.message, found, 1)])\n",
        new="",
        tests=(f"{_TEST_REFUSED}::test_without_a_dead_letter_a_rejected_row_has_no_outcome",),
    ),
    Mutation(
        name="odd_share",
        promise="Look-ups that are all refused stop the sync and bury nothing.",
        file=_ASK,
        old="            if self._share.passes(1, 1):\n",
        new="            if found:\n",
        tests=(
            f"{_TEST_REFUSED}::test_too_many_rows_that_cannot_be_looked_up_stop_the_sync_and_bury_nothing",
        ),
    ),
    Mutation(
        name="no_word_no_absence",
        promise="An answer that does not say that nobody is there is no such word.",
        file=_DIRECTORY,
        old='answer is None or (answer and "user" not in answer)',
        new="answer is None",
        tests=(f"{_TEST_DIRECTORY}::test_what_does_not_say_it_says_nothing",),
    ),
)
