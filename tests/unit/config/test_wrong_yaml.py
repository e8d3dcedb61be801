"""What YAML can do to a parser ends as one sentence with its line, not as a traceback."""

from __future__ import annotations

import pytest

from tests.unit.config.wrong import Wrong

FORMS = "written like a date or a number, but is none: put it in quotes"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("b: 2026-13-45", FORMS),
        ("b: !!int abc", FORMS),
        (f"b: {'9' * 5_000}", FORMS),
        (r'b: "\uD800"', "half a character"),
        ("b: &b {c: *b}", "does it hold itself"),
        (f"b: {'[' * 40}{']' * 40}", "nested more than 30 deep"),
        (f"b: {'[' * 2_000}{']' * 2_000}", "nested too deeply"),
        ("b: \0", "a control character"),
        ("b: {? [1, 2] : 3}", "not YAML"),
    ],
)
def test_a_value_that_can_not_be_read_names_its_line(
    wrong: Wrong, text: str, sentence: str
) -> None:
    """Each was a traceback of the parser once."""
    said = wrong.text(f"a: 1\n{text}\nc: 2\n")

    assert said.startswith("line 2: ")
    assert sentence in said


def test_the_value_that_can_not_be_read_is_not_repeated(wrong: Wrong) -> None:
    """It may be a secret in the wrong place."""
    assert "hunter2" not in wrong.text("a: !!int hunter2\n")


def test_a_key_with_a_line_break_stays_on_one_line(wrong: Wrong) -> None:
    """The sentence is one line of a log."""
    said = wrong.example(lambda config: config.update({"a\nb": 1}))

    assert r"'a\nb': is not a setting here" in said


def test_a_file_of_merges_is_read(wrong: Wrong) -> None:
    """`<<` and anchors are good YAML: what is said is about the settings."""
    said = wrong.text("a: &a {b: 1}\nc:\n  <<: *a\n")

    assert "not a setting here" in said or "is missing" in said
