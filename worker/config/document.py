"""A YAML file with the line of every key, so that an error can say where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from worker.config.yaml_text import NotReadableError, nodes_and_values

Place = tuple[str | int, ...]


class ConfigError(Exception):
    """The configuration can't be used; the sentence names file, line, key and fix."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file holds, and on which line each of its keys stands."""

    path: Path
    content: object
    lines: dict[Place, int]

    def line_of(self, place: Sequence[str | int]) -> int:
        """Return the line of a key, or of the nearest key around it that exists."""
        for end in range(len(place), -1, -1):
            line = self.lines.get(tuple(place[:end]))
            if line is not None:
                return line
        return 1

    def error(self, place: Sequence[str | int], sentence: str) -> ConfigError:
        """Return the error about a key."""
        name = ".".join(_on_one_line(part) for part in place) or "the file"
        return ConfigError(f"{self.path} line {self.line_of(place)}: {name}: {sentence}")


def _on_one_line(part: str | int) -> str:
    text = str(part)
    return text if text.isprintable() else repr(text)


def read_document(path: Path) -> Document:
    """Read a YAML file; ConfigError when it is missing, no YAML, or says a key twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} can't be read ({error.strerror}): name the file with --config or "
            "HIGHTIDE_CONFIG"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    try:
        root, content = nodes_and_values(text)
    except NotReadableError as error:
        raise ConfigError(f"{path} line {error.line}: {error}") from None
    lines: dict[Place, int] = {(): 1}
    if root is not None:
        _note(path, root, (), lines)
    return Document(path, content, lines)


def _note(path: Path, node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                raise ConfigError(
                    f"{path} line {line}: {'.'.join(map(_on_one_line, here))} is there twice "
                    f"(first on line {lines[here]}): keep one"
                )
            lines[here] = line
            _note(path, value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            here = (*place, number)
            lines[here] = value.start_mark.line + 1
            _note(path, value, here, lines)
