"""What holds between a row and the fields of a profile."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_CEL = "worker/rules/mapping/cel.py"
_FORMS = "tests/unit/rules/test_mapping_forms.py"
_EXPRESSIONS = "tests/unit/rules/test_expressions.py"
_PHYSICAL = "tests/unit/connectors/test_physical.py"

MAPPING = (
    Mutation(
        name="whole_record",
        promise="A record that is longer or shorter than its schema says is set aside.",
        file="connectors/physical.py",
        old="if end != len(value):",
        new="if end < 0:",
        tests=(f"{_PHYSICAL}::test_broken_bytes_are_undecodable_and_nothing_worse",),
    ),
    Mutation(
        name="signed_decimals",
        promise="A negative number stays negative.",
        file="worker/rules/mapping/values.py",
        old='number = int.from_bytes(value, "big", signed=True)',
        new='number = int.from_bytes(value, "big", signed=False)',
        tests=(f"{_FORMS}::test_a_whole_number_is_itself",),
    ),
    Mutation(
        name="longs_fit",
        promise="A number that Iterable's long does not hold sets its row aside.",
        file="worker/rules/mapping/values.py",
        old="""    if -LARGEST_LONG <= number <= LARGEST_LONG:
        return number
""",
        new="""    if number is not None:
        return number
""",
        tests=("tests/unit/rules/test_mapping.py::test_a_number_beyond_a_long_sets_the_row_aside",),
    ),
    Mutation(
        name="expression_errors",
        promise="An expression without a result sets the row aside; its error is never sent.",
        file=_CEL,
        old="if not isinstance(plain, str) or result.type() == cel.Type.STRING:",
        new="if True:",
        tests=(f"{_EXPRESSIONS}::test_without_a_result_the_row_is_set_aside",),
    ),
    Mutation(
        name="expression_texts",
        promise="A text too long for an expression sets its row aside, not the process.",
        file=_CEL,
        old="if len(value) > LONGEST_TEXT:",
        new="if False:",
        tests=(f"{_EXPRESSIONS}::test_what_is_too_long_sets_the_row_aside",),
    ),
    Mutation(
        name="expression_lists",
        promise="A list too long to go through sets its row aside.",
        file=_CEL,
        old='if text.count(",") >= LONGEST_LIST and',
        new="if False and",
        tests=(f"{_EXPRESSIONS}::test_what_is_too_long_sets_the_row_aside",),
    ),
    Mutation(
        name="expression_nul",
        promise="A text with a NUL is never cut there in silence.",
        file=_CEL,
        old='if "\\0" in value or "\\\\u0000" in value:',
        new="if False:",
        tests=(f"{_EXPRESSIONS}::test_a_nul_sets_the_row_aside",),
    ),
    Mutation(
        name="filter_first",
        promise="A row that is filtered is not rejected for a field that nobody wanted.",
        file="worker/rules/mapping/compile.py",
        old="        if not wanted(row):",
        new="        if not wanted(row) and not steps:",
        tests=(f"{_EXPRESSIONS}::test_a_row_that_is_not_wanted_needs_no_values",),
    ),
    Mutation(
        name="needed_by_expressions",
        promise="The poller publishes nothing while a column of an expression is missing.",
        file="worker/rules/mapping/sources.py",
        old="found |= columns",
        new="pass",
        tests=(
            "tests/unit/config/test_fields.py::test_the_poller_needs_every_column_that_is_read",
        ),
    ),
    Mutation(
        name="field_conflicts",
        promise="A field that Iterable is certain to refuse stops its sync before the first row.",
        file="worker/stages/agree.py",
        old="if found.conflicts:",
        new="if False:",
        tests=("tests/unit/stages/test_agree.py::test_a_conflict_stops_the_sync_until_it_is_gone",),
    ),
)
