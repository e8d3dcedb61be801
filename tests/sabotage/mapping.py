"""What holds between a row and the fields of a profile."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_CEL = "worker/rules/mapping/cel.py"
_FORMS = "tests/unit/rules/test_mapping_forms.py"
_EXPRESSIONS = "tests/unit/rules/test_expressions.py"
_COST = "tests/unit/rules/test_expression_cost.py"
_INTERPRET = "tests/unit/stages/test_interpret.py"
_PINS = "tests/unit/rules/test_mapping_pins.py"
_TYPES = "tests/unit/rules/test_field_types.py"
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
        old="if longest > LONGEST_LIST:",
        new="if False:",
        tests=(f"{_EXPRESSIONS}::test_what_is_too_long_sets_the_row_aside",),
    ),
    Mutation(
        name="expression_cost",
        promise="A row that would make an expression cost too much is set aside before it runs.",
        file=_CEL,
        old="if shape.cost(text=text, json=json, longest=longest) > LARGEST_COST:",
        new="if False:",
        tests=(f"{_COST}::test_a_row_that_would_cost_too_much_is_set_aside_at_once",),
    ),
    Mutation(
        name="expression_spread",
        promise="What is copied for each member of a list counts as often.",
        file="worker/rules/mapping/cost.py",
        old="        return away\n",
        new="        return 0\n",
        tests=(
            f"{_COST}::test_what_stands_in_a_loop_and_is_not_its_own_is_copied_for_each_member",
        ),
    ),
    Mutation(
        name="expression_arguments",
        promise="No row decides which pattern is looked for, or what is put in its place.",
        file=_CEL,
        old="wrong_words(text) or wrong_calls(text)",
        new="wrong_words(text)",
        tests=(f"{_EXPRESSIONS}::test_a_wrong_one_is_refused_with_its_place",),
    ),
    Mutation(
        name="expression_levels",
        promise="What is nested too deeply sets its row aside.",
        file="worker/rules/mapping/results.py",
        old="    if not levels:",
        new="    if levels == -1_000:",
        tests=(f"{_COST}::test_what_is_nested_too_deeply_is_set_aside",),
    ),
    Mutation(
        name="one_row",
        promise="A row that no library can write ends no process.",
        file="worker/stages/interpret.py",
        old="(UnmappableError, TypeError, ValueError, RecursionError, OverflowError)",
        new="UnmappableError",
        tests=(f"{_INTERPRET}::test_what_no_library_can_write_sets_its_row_aside",),
    ),
    Mutation(
        name="long_numbers",
        promise="A number of more than 64 bits is undecodable.",
        file="connectors/physical.py",
        old="if byte > 127 or (shift == 63 and byte > 1):",
        new="if byte > 127:",
        tests=(f"{_PHYSICAL}::test_a_number_has_64_bits",),
    ),
    Mutation(
        name="filter_nobody",
        promise="A filter may leave out rows without a value to match by.",
        file="worker/rules/mapping/compile.py",
        old="MappedRow(_identity_or_none(identity, row), wanted=False)",
        new="MappedRow(identity(row), wanted=False)",
        tests=(f"{_INTERPRET}::test_a_row_that_is_filtered_out_needs_nobody",),
    ),
    Mutation(
        name="filter_for_match",
        promise="Only a filter that reads it speaks for rows without the column to match by.",
        file="worker/rules/mapping/sources.py",
        old="self.filter is not None and self.match_column in self.filter.columns",
        new="self.filter is not None",
        tests=(
            f"{_INTERPRET}::test_a_filter_on_other_columns_does_not_speak_for_the_one_to_match_by",
        ),
    ),
    Mutation(
        name="json_null",
        promise="JSON's own null is a NULL.",
        file="worker/rules/mapping/compile.py",
        old='return "null" if column.type is ColumnType.JSON else None',
        new="return None",
        tests=("tests/unit/rules/test_mapping_nested.py::test_null_in_a_variant_is_null",),
    ),
    Mutation(
        name="least_epoch",
        promise="20261104 as a number is no day in 1970.",
        file="worker/rules/mapping/pins.py",
        old="if abs(value) < _LEAST_EPOCH:",
        new="if False:",
        tests=(f"{_PINS}::test_what_says_nothing_of_that_type_sets_the_row_aside",),
    ),
    Mutation(
        name="least_event_epoch",
        promise="An event of 20261104 is none of 1970.",
        file="connectors/iterable/moments.py",
        old="not _SECONDS_FROM <= abs(value) < _NO_TIME_FROM",
        new="abs(value) >= _NO_TIME_FROM",
        tests=("tests/unit/connectors/test_moments.py::test_what_is_no_moment_is_none",),
    ),
    Mutation(
        name="certain_conflicts",
        promise="What may be taken stops no sync.",
        file="worker/rules/field_types.py",
        old='"double": frozenset({"double", "long"})',
        new='"double": frozenset({"double"})',
        tests=(f"{_TYPES}::test_a_conflict_is_one_for_whoever_reads_the_answers_too",),
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
