"""Where a poll reads: nothing that commits late, or beside an equal watermark, is missed."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_WATERMARK = "worker/rules/watermark.py"
_SNOWFLAKE = "connectors/snowflake/query.py"

READING = (
    Mutation(
        name="overlap",
        promise="A row whose transaction commits late is read with the next poll.",
        file=_WATERMARK,
        old="to_ns(watermark.value) - int(policy.overlap_seconds * NS)",
        new="to_ns(watermark.value)",
        tests=(
            "tests/unit/stages/test_poll.py::test_a_row_that_commits_late_is_found_in_the_overlap",
        ),
    ),
    Mutation(
        name="overlap_numbers",
        promise="Of two numbers taken in order, the one that commits last is read as well.",
        file=_WATERMARK,
        old="int(watermark.value) - policy.overlap_numbers",
        new="int(watermark.value)",
        tests=(
            "tests/unit/rules/test_watermark_windows.py::test_a_poll_starts_the_overlap_below_the_watermark",
            "tests/unit/stages/test_window_properties.py::test_a_row_that_commits_within_the_overlap_is_never_lost",
        ),
    ),
    Mutation(
        name="settle_delay",
        promise="A poll stops short of the source's now, where rows are still being committed.",
        file=_WATERMARK,
        old="return to_text(clock_ns - int(policy.settle_delay_seconds * NS))",
        new="return to_text(clock_ns)",
        tests=(
            "tests/unit/stages/test_poll.py::test_rows_that_have_not_settled_are_read_by_the_next_poll",
        ),
    ),
    Mutation(
        name="date_reread",
        promise="A day that was read at noon is read again: its afternoon is not lost.",
        file=_WATERMARK,
        old="days = max(1, -(-int(policy.overlap_seconds) // _DAY_SECONDS))",
        new="days = 0",
        tests=("tests/unit/rules/test_watermark_windows.py::test_a_day_is_read_until_it_is_over",),
    ),
    Mutation(
        name="watermark_zone",
        promise="A wall clock without a zone is no watermark until a person says that it is UTC.",
        file=_WATERMARK,
        old='case ColumnType.TIMESTAMP_NTZ if model.watermark_zone == "UTC":',
        new="case ColumnType.TIMESTAMP_NTZ:",
        tests=(
            "tests/unit/rules/test_watermark.py::test_in_los_angeles_a_later_change_can_carry_the_smaller_time",
        ),
    ),
    Mutation(
        name="microseconds",
        promise="The watermark keeps its nanoseconds: the last row is not read again for ever.",
        file=_WATERMARK,
        old="{fraction:09d}",
        new="{fraction // 1000 * 1000:09d}",
        tests=(
            "tests/unit/rules/test_watermark.py::test_text_and_nanoseconds_are_one",
            "tests/unit/stages/test_window_properties.py::test_a_row_is_neither_read_for_ever_nor_skipped_by_its_nanoseconds",
        ),
    ),
    Mutation(
        name="late_token",
        promise="A change within the settle delay is not taken for read.",
        file="worker/stages/poll.py",
        old="self._reading.read(token if settled else None)",
        new="self._reading.read(token if settled is not None else None)",
        tests=(
            "tests/unit/stages/test_poll.py::test_rows_that_have_not_settled_are_read_by_the_next_poll",
        ),
    ),
    Mutation(
        name="forced_poll",
        promise="A model that changes by itself is read though its change token stands still.",
        file="worker/stages/poll.py",
        old="if token == self._reading.change_token() and not self._is_due():",
        new="if token == self._reading.change_token():",
        tests=("tests/unit/stages/test_poll.py::test_a_query_is_forced_after_a_while",),
    ),
    Mutation(
        name="keyset_key",
        promise="Inside a run of equal watermarks a statement goes on behind the last key read.",
        file=_SNOWFLAKE,
        old="        if after.key is not None:",
        new="        if False:",
        tests=("tests/contract/test_source_contract.py::test_bounds_are_half_open[snowflake]",),
    ),
    Mutation(
        name="keyset_equal",
        promise="The row read last is not read again by the next statement.",
        file=_SNOWFLAKE,
        old="OR {key} > ?)",
        new="OR {key} >= ?)",
        tests=("tests/contract/test_source_contract.py::test_bounds_are_half_open[snowflake]",),
    ),
    Mutation(
        name="keyset_order",
        promise="Rows come in the order that the next statement goes on by.",
        file=_SNOWFLAKE,
        old='order = f"{watermark}, m.{key}"',
        new="order = watermark",
        tests=(
            "tests/contract/test_source_contract.py::test_windows_cover_the_model_exactly[snowflake]",
        ),
    ),
    Mutation(
        name="keyset_postgres",
        promise="The same in PostgreSQL: behind the last key, not behind the last watermark.",
        file="connectors/postgres/query.py",
        old="({watermark}, {self.key}) > ({start}, {key})",
        new="({watermark}, {self.key}) >= ({start}, {key})",
        tests=(
            "tests/unit/connectors/test_postgres_query.py::test_a_window_is_one_statement_with_bound_values",
        ),
    ),
    Mutation(
        name="doubt_start",
        promise="Rows that a replaced poller wrote over are read again, however old they are.",
        file="worker/stages/follow.py",
        old="return start if doubted is None else earlier(",
        new="return start if doubted is None or doubted else earlier(",
        tests=(
            "tests/unit/stages/test_follow.py::test_what_a_replaced_poller_wrote_over_is_read_again",
        ),
    ),
    Mutation(
        name="never_back",
        promise="While the overlap is read again, the watermark stays where it is.",
        file="worker/rules/window.py",
        old="return max(watermark, read, key=_order)",
        new="return read",
        tests=(
            "tests/unit/stages/test_account.py::test_the_watermark_does_not_move_back_or_move_without_rows",
        ),
    ),
    Mutation(
        name="guard_probe",
        promise="A snapshot that a guard refused is read again on schedule, not with each probe.",
        file="worker/stages/poll.py",
        old='if error.kind != "guard":',
        new='if error.kind != "":',
        tests=(
            "tests/unit/stages/test_poll_schedule.py::test_a_refused_snapshot_is_read_again_on_schedule",
        ),
    ),
    Mutation(
        name="cron_fold",
        promise="In the hour that autumn repeats, polls do not follow one another without a pause.",
        file="worker/rules/schedule.py",
        old="return next((found for found in comes if found > moment), math.inf)",
        new="return next(comes, math.inf)",
        tests=(
            "tests/unit/rules/test_schedule.py::test_a_process_started_in_the_second_pass_of_autumns_hour_waits",
        ),
    ),
    Mutation(
        name="clock_set_back",
        promise="After the clock was set back an hourly model is polled within the hour.",
        file="worker/rules/schedule.py",
        old="started_at = min(started_at, ended_at)",
        new="started_at = max(started_at, 0.0)",
        tests=(
            "tests/unit/rules/test_schedule.py::test_a_wait_is_never_longer_than_its_interval",
            "tests/unit/rules/test_schedule.py::test_a_clock_set_back_does_not_silence_cron",
        ),
    ),
)
