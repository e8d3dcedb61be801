"""What breaks around the path: the log, the group, the network, for a moment or for hours."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_CONSUMER = "connectors/kafka/consumer.py"
_READING = "connectors/kafka/reading.py"
_PERSIST = "worker/stages/persist.py"
_RANGE = "tests/contract/test_kafka_offset_range.py"
_OUTAGES = "tests/unit/stages/test_long_outages.py"

FAULTS = (
    Mutation(
        name="fresh_client",
        promise="A client that is not sure what it wrote is not used again.",
        file="connectors/kafka/connection.py",
        old="            self._discard()\n            raise translate(",
        new="            raise translate(",
        tests=(
            "tests/contract/test_kafka_outage.py::test_an_unknown_outcome_is_retryable_and_the_client_is_not_used_again",
        ),
    ),
    Mutation(
        name="release_waited",
        promise="A partition goes once the calls that are out came back and are committed.",
        file=_CONSUMER,
        old="self._release.wait(self._policy.release_seconds)",
        new="self._release.wait(0.0)",
        tests=(
            "tests/contract/test_kafka_rebalance.py::test_a_revocation_waits_for_the_release_and_commits_what_it_says",
        ),
    ),
    Mutation(
        name="pause_kept",
        promise="Back-pressure stays in force over a rebalance.",
        file=_CONSUMER,
        old="        self._new = [*self._new, *partitions]\n",
        new="        self._new = [*self._new, *partitions]\n        self._paused = frozenset()\n",
        tests=(
            "tests/contract/test_kafka_pause.py::test_what_is_paused_stays_paused_when_a_member_joins_and_leaves",
        ),
    ),
    Mutation(
        name="polled_while_paused",
        promise="A process that may read nothing for an hour stays in its group.",
        file=_CONSUMER,
        old="        found = read_on(consumer)\n",
        new="        found = {} if ours and unwanted == ours else read_on(consumer)\n",
        tests=("tests/contract/test_kafka_consumer.py::test_a_full_pause_keeps_the_membership",),
    ),
    Mutation(
        name="lost_place",
        promise="A group whose place is not in the log any more stops, it does not begin anew.",
        file=_READING,
        old='RESET = "none"',
        new='RESET = "earliest"',
        tests=(f"{_RANGE}::test_a_log_that_ends_before_the_groups_place_stops_it",),
    ),
    Mutation(
        name="gap_said_first",
        promise="Rows that were deleted unread are noticed before anything behind them is read.",
        file=_READING,
        old="if offset < begins[p]}",
        new="if offset < 0}",
        tests=(
            "tests/unit/connectors/test_kafka_reading.py::test_a_log_that_begins_later_than_the_group_is_a_gap",
        ),
    ),
    Mutation(
        name="offsets_not_counts",
        promise="Compaction leaves gaps in the offsets, and what is committed knows them.",
        file="worker/rules/offsets.py",
        old="self._committable = head + 1",
        new="self._committable += 1",
        tests=(
            "tests/unit/stages/test_consume.py::test_a_gap_in_the_offsets_is_no_gap_in_the_commit",
        ),
    ),
    Mutation(
        name="left_in_flight",
        promise="A row of a partition that went counts as in flight until its call came back.",
        file="worker/stages/consume.py",
        old="                self._leaving.append(intake.tracker)\n",
        new="                pass\n",
        tests=(
            "tests/unit/stages/test_delivery_machine.py::test_rows_of_a_lost_partition_fly_until_their_call_is_back",
        ),
    ),
    Mutation(
        name="poison",
        promise="Bytes that are no record are set aside, whatever the library makes of them.",
        file="connectors/avro.py",
        old="        except Exception as error:\n            # fastavro raises",
        new="        except EOFError as error:\n            # fastavro raises",
        tests=("tests/faults/test_poison_rows.py::test_poison_is_set_aside_and_holds_nobody_up",),
    ),
    Mutation(
        name="foreign_type",
        promise="A schema with a type that can hide a million values in five bytes is never read.",
        file="connectors/avro.py",
        old='    raise UndecodableError("a field has a type that Hightide does not write")\n',
        new='    return Column(field["doc"], ColumnType.TEXT)\n',
        tests=("tests/unit/connectors/test_avro.py::test_a_schema_that_is_not_ours_is_never_read",),
    ),
    Mutation(
        name="running_group",
        promise="A replay does not move the offsets of processes that are delivering.",
        file="worker/operate/replay.py",
        old="        if state.members:\n",
        new="        if state.members < 0:\n",
        tests=("tests/integration/test_replay.py::test_a_sync_that_is_delivering_is_left_alone",),
    ),
    Mutation(
        name="letters_awaited",
        promise="A row that could not be written to the dead letters has no outcome yet.",
        file="worker/stages/bury.py",
        old="        await self._persist.until_done(lambda: self._dead_letters.put(dead))\n",
        new="        try:\n            await self._dead_letters.put(dead)\n"
        "        except Exception:\n            return\n",
        tests=(f"{_OUTAGES}::test_dead_letters_that_can_not_be_written_for_a_minute_lose_nothing",),
    ),
    Mutation(
        name="patience",
        promise="An Iterable that fails for hours costs no row and ends no process.",
        file=_PERSIST,
        old="except (RetryableError, ConfigurationError) as error:",
        new="except ConfigurationError as error:",
        tests=(f"{_OUTAGES}::test_six_hours_of_failures_drain_by_themselves[down]",),
    ),
    Mutation(
        name="key_heals",
        promise="A revoked key stops the sync, and a good one in its place starts it again.",
        file=_PERSIST,
        old="except (RetryableError, ConfigurationError) as error:",
        new="except RetryableError as error:",
        tests=(f"{_OUTAGES}::test_six_hours_of_failures_drain_by_themselves[revoked]",),
    ),
    Mutation(
        name="climbs_back",
        promise="Half a minute after a storm of 429s calls go out at the full rate again.",
        file="worker/rules/rate_limit.py",
        old="self._factor = min(1.0, self._factor + 0.1)",
        new="self._factor = min(0.5, self._factor + 0.1)",
        tests=(f"{_OUTAGES}::test_ten_minutes_of_429_drop_nothing_and_are_over_in_half_a_minute",),
    ),
    Mutation(
        name="halved",
        promise="A call that is too large is split, its rows are not rejected.",
        file="worker/stages/send.py",
        old="        if len(part) > 1:\n            return [], part\n",
        new="",
        tests=(
            "tests/unit/stages/test_send.py::test_too_large_batch_is_halved_and_a_single_row_rejected",
        ),
    ),
    Mutation(
        name="valid_user_id",
        promise="What can be no userId is a dead letter and refuses no call.",
        file="connectors/iterable/identity.py",
        old="return text if _USER_ID.fullmatch(text) else None",
        new="return text",
        tests=("tests/unit/connectors/test_users.py::test_what_is_no_user_id_is_no_item",),
    ),
    Mutation(
        name="field_list",
        promise="A full list of fields in the project waits for a person and rejects no row.",
        file="connectors/iterable/refusals.py",
        old='if envelope.code == "UniqueFieldsLimitExceeded":',
        new='if envelope.code == "":',
        tests=(
            "tests/contract/test_iterable_failures.py::test_a_full_list_of_fields_is_a_persons_job",
        ),
    ),
)
