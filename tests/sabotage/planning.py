"""What `hightide plan` says must be what deliver does, and no value of a row."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_ROWS = "tests/unit/operate/test_plan_rows.py"
_MASKING = "tests/unit/operate/test_plan_masking.py"

PLANNING = (
    Mutation(
        name="plan_values",
        promise="A plan shows no value of any row unless it is asked for.",
        file="worker/operate/plan/masking.py",
        old='"date" if _DATE.fullmatch(value) else f"text of {len(value)}"',
        new="value",
        tests=(f"{_MASKING}::test_a_value_is_its_kind_and_its_length",),
    ),
    Mutation(
        name="plan_names",
        promise="A name inside a column's JSON, which may be an address, is not shown either.",
        file="worker/operate/plan/masking.py",
        old="path in objects and isinstance(member, dict)",
        new="isinstance(member, dict)",
        tests=(f"{_MASKING}::test_members_that_are_mapped_keep_their_names",),
    ),
    Mutation(
        name="plan_reasons",
        promise="A field that fails says why and in how many rows, before the first delivery.",
        file="worker/operate/plan/trial.py",
        old="            self.failed[str(error)] += 1",
        new='            self.failed[""] += 1',
        tests=(f"{_ROWS}::test_each_field_is_tried_by_itself",),
    ),
    Mutation(
        name="plan_filter",
        promise="A field is not said to fail on rows that the filter leaves out.",
        file="worker/operate/plan/trial.py",
        old="        return value is True",
        new="        return True",
        tests=(f"{_ROWS}::test_each_field_is_tried_by_itself",),
    ),
    Mutation(
        name="plan_versions",
        promise="A plan counts a key once, with its newest version.",
        file="worker/operate/plan/sample.py",
        old="    return newer >= (before_ns, before.value is not None)",
        new="    return newer <= (before_ns, before.value is not None)",
        tests=(f"{_ROWS}::test_every_key_is_looked_at_once",),
    ),
    Mutation(
        name="plan_leavers",
        promise="A plan of a mirror tells who would be taken off the list.",
        file="worker/operate/plan/sample.py",
        old='        return message.value is not None or ("op", b"delete") not in before.headers',
        new="        return True",
        tests=(f"{_ROWS}::test_a_tombstone_hides_no_delete_record",),
    ),
    Mutation(
        name="plan_newest",
        promise="A plan tries the newest rows, not those that happen to be read first.",
        file="worker/operate/plan/sample.py",
        old="heapq.heappushpop(self._kept, one)",
        new="self.is_full",
        tests=(f"{_ROWS}::test_of_more_records_the_newest_are_taken",),
    ),
    Mutation(
        name="plan_wider",
        promise="A compacted topic has as many rows to try as any other.",
        file="worker/operate/plan/sample.py",
        old="        span *= WIDENING",
        new="        return found.sample(records)",
        tests=("tests/unit/operate/test_plan_reading.py::test_holes_of_compaction_are_read_past",),
    ),
    Mutation(
        name="plan_rejects",
        promise="A sync of which every row would be rejected fails its plan.",
        file="worker/operate/plan/report.py",
        old="and sum(self.rejected.values()) < max(1, self.rows)",
        new="",
        tests=(f"{_ROWS}::test_a_row_without_an_identity_has_its_reason",),
    ),
    Mutation(
        name="plan_calls",
        promise="The time a whole topic takes counts calls that are limited by their size too.",
        file="worker/operate/plan/calls.py",
        old="int(pace.limits.max_bytes / row_bytes)",
        new="pace.limits.max_rows",
        tests=(f"{_ROWS}::test_the_whole_topic_goes_in_full_calls",),
    ),
)
