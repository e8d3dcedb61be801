"""Mutations of how the file is read: each lets a mistake through that is one sentence today."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_TYPES = "worker/config/types.py"
_YAML = "worker/config/yaml_text.py"
_LOADING = "tests/unit/config/test_wrong_yaml.py"
_VALUES = "tests/unit/config/test_wrong_values.py"

CONFIGURING = (
    Mutation(
        name="unreadable_value",
        promise="A date or number that is none is one sentence with its line.",
        file=_YAML,
        old="except ValueError:  # 2026-13-45",
        new="except KeyError:  # 2026-13-45",
        tests=(f"{_LOADING}::test_a_value_that_can_not_be_read_names_its_line",),
    ),
    Mutation(
        name="endless_yaml",
        promise="An anchor that holds itself is one sentence, not a recursion.",
        file=_YAML,
        old="if depth > DEEPEST:",
        new="if False:",
        tests=(f"{_LOADING}::test_a_value_that_can_not_be_read_names_its_line",),
    ),
    Mutation(
        name="password_in_address",
        promise="No password is part of an address that stands in sentences.",
        file=_TYPES,
        old='if "@" in url.netloc or "?" in value or "#" in value:',
        new="if False:",
        tests=(f"{_VALUES}::test_a_base_url_is_an_address_and_nothing_more",),
    ),
    Mutation(
        name="blank_text",
        promise="The name of a column, an event or a list is not blank.",
        file=_TYPES,
        old="    if not value.strip():\n",
        new="    if value is None:\n",
        tests=(f"{_VALUES}::test_a_wrong_value_of_an_event_or_a_list",),
    ),
    Mutation(
        name="ignored_setting",
        promise="What a remove would ignore is refused.",
        file="worker/config/load.py",
        old='sync.model_fields_set & {"fields", "create_profiles"}',
        new="sync.model_fields_set & {None}",
        tests=(f"{_VALUES}::test_a_wrong_value_of_an_event_or_a_list",),
    ),
    Mutation(
        name="hopeless_expression",
        promise="An expression that fails for every row is refused when the file is loaded.",
        file="worker/config/fields.py",
        old="if (sentence := fails_always(made)) is not None:",
        new='if (sentence := "") and fails_always(made):',
        tests=(f"{_VALUES}::test_an_expression_that_fails_for_every_row_is_refused",),
    ),
    Mutation(
        name="words_of_ours",
        promise="A mistake is said in our words, with what to write instead.",
        file="worker/config/sentences.py",
        old='_SENTENCES.get(error["type"])',
        new='_SENTENCES.get("")',
        tests=(f"{_VALUES}::test_a_wrong_value_of_a_sync",),
    ),
)
