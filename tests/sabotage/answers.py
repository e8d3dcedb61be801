"""Out of an answer: every row's true outcome, found in few calls, and nothing that leads astray."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_MATCHING = "connectors/iterable/matching.py"
_REFUSALS = "connectors/iterable/refusals.py"
_ANSWERS = "connectors/iterable/answers.py"
_CLIENT = "connectors/iterable/client.py"
_UNIT = "tests/unit/connectors"
_CONTRACT = "tests/contract"

ANSWERS = (
    Mutation(
        name="adds_up",
        promise="Rows that an answer does not account for are not called delivered.",
        file=_MATCHING,
        old="others: Outcome = Delivered() if each or whole else Undetermined()",
        new="others: Outcome = Delivered()",
        tests=(f"{_UNIT}/test_matching.py::test_one_that_does_not_leaves_rows_open",),
    ),
    Mutation(
        name="altered_names",
        promise="A failure whose name came back altered is no delivery of another row.",
        file=_MATCHING,
        old="all(who in rows or found.was_taken for who, found in everyone.items())",
        new="True",
        tests=(
            f"{_UNIT}/test_matching_fates.py::test_names_that_got_lost_or_altered_never_make_a_failure_a_delivery",
        ),
    ),
    Mutation(
        name="no_op_for_failure",
        promise="A row that changed nothing does not stand for one that failed without a name.",
        file=_MATCHING,
        old="counts[1] == failed",
        new="counts[1] in {failed, failed + sum(one.no_ops for one in named.values())}",
        tests=(
            f"{_UNIT}/test_matching.py::test_a_no_op_row_is_unchanged_on_whichever_side_it_is_counted",
        ),
    ),
    Mutation(
        name="found_before",
        promise="A row whose profile was looked up is rejected and not passed over.",
        file=_ANSWERS,
        old="            return Meaning(absent, bad_id, Unchanged())\n",
        new="            return Meaning(absent, absent, absent)\n",
        tests=(f"{_UNIT}/test_matching.py::test_every_list_has_its_meaning",),
    ),
    Mutation(
        name="true_status",
        promise="A dead letter holds the status and the reason that came.",
        file=_ANSWERS,
        old="            case Skipped() as absent:\n",
        new="            case absent:\n",
        tests=(
            f"{_UNIT}/test_refusals.py::test_an_unknown_user_whom_the_call_should_have_made_is_refused",
        ),
    ),
    Mutation(
        name="perhaps_a_moment",
        promise="An empty text or a number is not rejected for another row's word.",
        file="connectors/iterable/kinds.py",
        old="bool(_PERHAPS_A_DATE.match(value) or _PERHAPS_A_MOMENT.fullmatch(value))",
        new="bool(_PERHAPS_A_DATE.match(value))",
        tests=(f"{_UNIT}/test_guilty.py::test_what_may_be_turned_into_the_type_is_left_open",),
    ),
    Mutation(
        name="address_in_error",
        promise="No error shows a password that stands in the base_url.",
        file=_CLIENT,
        old="parts.netloc.rpartition('@')[2]",
        new="parts.netloc",
        tests=(
            f"{_CONTRACT}/test_iterable_client.py::test_an_error_shows_scheme_and_host_and_no_more_of_the_address",
        ),
    ),
    Mutation(
        name="address_case",
        promise="An address is the same one in any spelling.",
        file=_MATCHING,
        old='return identifier.strip().lower() if list_name.endswith("mails") else identifier',
        new="return identifier",
        tests=(f"{_UNIT}/test_matching.py::test_emails_are_matched_whatever_their_case",),
    ),
    Mutation(
        name="repeated_lists",
        promise="A failure that stands in two lists is one failure.",
        file=_MATCHING,
        old="return max(self.failures, self.repeats)",
        new="return self.failures + self.repeats",
        tests=(f"{_UNIT}/test_matching.py::test_one_failure_in_two_lists_is_not_two_rows",),
    ),
    Mutation(
        name="one_of_several",
        promise="Of a user's rows of which one failed none is taken for it.",
        file=_MATCHING,
        old="if whole or found.failed + found.no_ops >= rows[who]",
        new="if found.verdicts",
        tests=(f"{_UNIT}/test_matching.py::test_which_of_a_users_rows_failed_stays_open",),
    ),
    Mutation(
        name="named_once",
        promise="All rows of a user whom a list names once are answered by it.",
        file=_MATCHING,
        old="whole = known and not each and _adds_up(counts, rows, named, as_a_whole=True)",
        new="whole = False",
        tests=(f"{_UNIT}/test_matching.py::test_several_rows_of_one_user_fail_together",),
    ),
    Mutation(
        name="whole_counts",
        promise="An answer without whole counts is no result.",
        file=_ANSWERS,
        old="return type(number) is int or (isinstance(number, float) and number.is_integer())",
        new="return number is not None",
        tests=(f"{_UNIT}/test_refusals.py::test_a_failed_call_raises_what_must_be_done",),
    ),
    Mutation(
        name="any_json",
        promise="No answer, however odd, ends the process.",
        file="connectors/iterable/envelope.py",
        old='return value if isinstance(value, str) else ""',
        new='return "" if value is None else str(value)',
        tests=(f"{_UNIT}/test_answers_fuzz.py::test_what_parsers_stumble_over_is_no_crash",),
    ),
    Mutation(
        name="guilty_values",
        promise="A thousand rows are not asked about one by one for a field's wrong type.",
        file=_REFUSALS,
        old="guilty = mistyped(envelope.params, [item.body for item in items])",
        new="guilty = frozenset()",
        tests=(
            f"{_UNIT}/test_refusals.py::test_a_field_of_the_wrong_type_blames_the_rows_that_hold_such_values",
        ),
    ),
    Mutation(
        name="guilty_rows",
        promise="The rows whose numbers a refusal names are not looked for.",
        file=_REFUSALS,
        old="guilty = placed(envelope.params, len(items))",
        new="guilty = frozenset()",
        tests=(f"{_UNIT}/test_refusals.py::test_a_refusal_names_the_rows_it_blames",),
    ),
    Mutation(
        name="in_doubt",
        promise="A value that Iterable may accept is not rejected for another row's.",
        file="connectors/iterable/kinds.py",
        old="return kind is None or _CAN_BE[kind](value)",
        new="return kind_of(value) == kind",
        tests=(f"{_UNIT}/test_guilty.py::test_what_may_be_turned_into_the_type_is_left_open",),
    ),
    Mutation(
        name="named_value",
        promise="A row with the very value that was refused is known at once.",
        file="connectors/iterable/guilty.py",
        old="return same_type and value == self.offending",
        new="return False",
        tests=(
            f"{_CONTRACT}/test_iterable_guilty.py::test_what_may_be_turned_into_the_type_is_found_one_by_one",
        ),
    ),
    Mutation(
        name="invalid_addresses",
        promise="The addresses that a refusal calls invalid are found among the rows.",
        file=_REFUSALS,
        old="guilty = called_invalid(envelope.message, [item.identity for item in items])",
        new="guilty = frozenset()",
        tests=(
            f"{_UNIT}/test_refusals.py::test_addresses_called_invalid_are_found_among_the_rows",
        ),
    ),
    Mutation(
        name="unknown_list",
        promise="Rows are not dead letters because their list was removed.",
        file=_REFUSALS,
        old="if status >= 400 and _UNKNOWN_LIST in",
        new="if status >= 500 and _UNKNOWN_LIST in",
        tests=(f"{_UNIT}/test_refusals.py::test_what_a_person_must_mend_is_said_by_its_kind",),
    ),
    Mutation(
        name="event_name",
        promise="An event name that is switched off stops the sync and rejects nobody's event.",
        file=_ANSWERS,
        old="    _check_event_names(answer, items)\n",
        new="",
        tests=(f"{_UNIT}/test_answers.py::test_an_event_name_that_is_switched_off_stops_the_sync",),
    ),
    Mutation(
        name="forgotten_alone",
        promise="The row of a forgotten user is no dead letter, however the refusal came.",
        file=_ANSWERS,
        old='if code == "ForgottenUserError":',
        new='if code == "":',
        tests=(f"{_UNIT}/test_refusals.py::test_a_forgotten_user_alone_is_skipped",),
    ),
    Mutation(
        name="bounded_reply",
        promise="No answer, however long it unpacks, fills the memory.",
        file=_CLIENT,
        old="if size > MAX_REPLY_BYTES:",
        new="if size < 0:",
        tests=(f"{_CONTRACT}/test_iterable_client.py::test_a_bomb_is_not_unpacked",),
    ),
    Mutation(
        name="redirects",
        promise="The API key does not go where a redirect points.",
        file=_CLIENT,
        old="                allow_redirects=False,\n            ) as response,\n",
        new="            ) as response,\n",
        tests=(f"{_CONTRACT}/test_iterable_failures.py::test_a_redirect_is_never_followed",),
    ),
    Mutation(
        name="proxies",
        promise="The API key does not go through a proxy that the environment names.",
        file=_CLIENT,
        old="trust_env=False",
        new="trust_env=True",
        tests=(f"{_CONTRACT}/test_iterable_client.py::test_the_environment_names_no_proxy",),
    ),
    Mutation(
        name="key_in_error",
        promise="No error carries the request along, and with it the API key.",
        file=_CLIENT,
        old="            return await self._exchange(method, path, body)\n"
        "        except _FAILURES as error:\n"
        "            failed = self._failed(error)\n",
        new="            return await self._exchange(method, path, body)\n"
        "        except _FAILURES as error:\n"
        "            raise self._failed(error) from None\n",
        tests=(
            f"{_CONTRACT}/test_iterable_client.py::test_what_is_no_complete_answer_is_retryable",
        ),
    ),
    Mutation(
        name="room_for_bulk",
        promise="Look-ups, however many, leave a connection to the bulk calls.",
        file=_CLIENT,
        old="self._reads if body is None else nullcontext()",
        new="nullcontext()",
        tests=(f"{_CONTRACT}/test_iterable_client.py::test_look_ups_leave_room_for_a_bulk_call",),
    ),
    Mutation(
        name="trickle",
        promise="An answer that never ends is given up.",
        file=_CLIENT,
        old="timeout=TIMEOUT,",
        new="timeout=aiohttp.ClientTimeout(total=None),",
        tests=(
            f"{_CONTRACT}/test_iterable_client.py::test_a_trickle_ends_with_the_time_of_a_call",
        ),
    ),
)
