"""YAML text to its nodes and values; whatever can't be read is a sentence with its line."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError

# Nothing of ours is deeper than six; an anchor that holds itself has no end.
DEEPEST = 30


class NotReadableError(Exception):
    """The text can't be read; says on which line and why, without the text itself."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # theirs
        try:
            made = super().construct_object(node, deep)
            if isinstance(made, str):
                made.encode()  # "\uD800" is half a character
        except UnicodeEncodeError:
            sentence = r"half a character (\uD800 to \uDFFF): write the whole one"
        except ValueError:  # 2026-13-45, !!int abc, a number of 5,000 digits
            sentence = "it is written like a date or a number, but is none: put it in quotes"
        else:
            return made
        raise ConstructorError(None, None, sentence, node.start_mark)


def nodes_and_values(text: str) -> tuple[yaml.Node | None, object]:
    """Return the root node and what it holds; NotReadableError when there is no such thing."""
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            _check_depth(root, 0)
            # Once more from the text: constructing a node rewrites its `<<`.
            return root, yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
        except RecursionError:
            raise NotReadableError(loader.line + 1, "is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotReadableError(line, f"not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotReadableError(line, "not YAML: a control character") from None


def _check_depth(node: yaml.Node | None, depth: int) -> None:
    if not isinstance(node, yaml.CollectionNode):
        return
    if depth > DEEPEST:
        raise NotReadableError(
            node.start_mark.line + 1, f"nested more than {DEEPEST} deep: does it hold itself (*)?"
        )
    for part in node.value:
        for one in part if isinstance(part, tuple) else (part,):
            _check_depth(one, depth + 1)
