r"""What an expression may cost with a row: its text and the row's sizes say it before it runs.

    J.filter(a, a.x).map(b, b.y)      each step copies what it has:  lists² * 2
    J.map(a, J)                       J once for each member of J:   size * list
    T.split("").map(c, c)             as many members as T has characters
    T.replace("a", "bbbb")            four times as long
    T.matches("^\\pL+$")              the pattern is made anew each time

One unit is about 20 ns and 18 bytes. It is reckoned high: what is within it costs less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

from worker.rules.mapping.words import without_literals

LARGEST_COST = 2_500_000
# The library ends an expression after these.
_MOST_STEPS = 10_000
# What a character costs that is copied as part of a text, and as part of a list or an object.
_TEXT_UNITS, _LIST_UNITS = 2, 10
_PATTERN_UNITS, _UNICODE_CLASS_UNITS = 200, 60_000

_REPLACE = re.compile(r'\.\s*replace\s*\(\s*"(\d+)"\s*,\s*"(\d+)"\s*[,)]')
_MATCHES = re.compile(r'\.\s*matches\s*\(\s*"(\d+)"\s*\)')
_CALL = re.compile(r"\b(replace|matches)\s*\(")
_TOKEN = re.compile(
    r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*(?P<variable>\w+)\s*,"
    r"|\.\s*(?P<split>split)\s*\("
    r"|(?<![\w.\"])(?P<name>[A-Za-z_]\w*)(?!\s*\()(?!\w)"
    r"|[()+]"
)
_WORDS = frozenset({"true", "false", "null", "in"})
_REPEATED = re.compile(r"\{(\d*),?(\d*)\}")
_UNICODE_CLASS = re.compile(r"\\+[pP]")


@dataclass(slots=True)
class _Part:
    """What stands in one loop, or outside of all, without what stands in loops inside it."""

    variable: str = ""
    group: int = 0  # the outermost loop that it stands in
    names: int = 0
    sums: int = 0
    splits: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """What an expression's text says of its cost."""

    loops: int
    depth: int
    # How often the longest list multiplies what is copied, and how often the text itself does.
    spread: int
    copies: float
    # How many times longer than the longest list of the row one may become that is gone through.
    lengthened: int
    splits: bool
    growth: float
    patterns: int
    length: int
    commas: int

    def cost(self, *, text: int = 0, json: int = 0, longest: int = 0) -> float:
        """Return the cost with a row of so many characters whose longest list is so long."""
        split_into = text + json if self.splits else 0
        members = (max(longest, split_into * self.growth) + self.commas + 1) * self.lengthened
        steps = 1.0
        if self.loops:
            steps = min(self.loops * members**self.depth, _MOST_STEPS)
        copied = (_LIST_UNITS if self.splits else _TEXT_UNITS) * text
        copied += _LIST_UNITS * (json + self.length)
        spread = min(members**self.spread, _MOST_STEPS)
        walked = steps * (members + self.length) if self.loops else 0
        return walked + steps * self.patterns + copied * self.copies * self.growth * spread


def wrong_calls(text: str) -> str | None:
    """Return what is wrong with the arguments that decide what a call costs, or None."""
    bare, _ = without_literals(text)
    if len(_CALL.findall(bare)) != len(_REPLACE.findall(bare)) + len(_MATCHES.findall(bare)):
        return "has .replace(…) or .matches(…) of something else than texts in quotes"
    if shape_of(text).cost() > LARGEST_COST:
        return "would cost too much for any row: say it in the model's SQL"
    return None


def shape_of(text: str) -> Shape:
    """Return the shape of an expression that `wrong_words` and `wrong_calls` have passed."""
    bare, literals = without_literals(text)
    parts, depth = _parts(bare)
    # Nothing goes through what the last loop makes.
    walked = parts[:-1]
    sums = sum(part.sums for part in parts)
    copies = 1.0 + sums / 8
    lengthened = 1
    for part in parts:
        copies *= max(1, part.names)
    for part in walked:
        lengthened *= 1 + part.sums
    return Shape(
        loops=len(parts) - 1,
        depth=depth,
        spread=sum(
            max(part.foreign for part in group)
            for _, group in groupby(parts, lambda part: part.group)
        ),
        copies=copies,
        lengthened=lengthened,
        splits=any(part.splits for part in walked or parts),
        growth=_growth(bare, literals),
        patterns=sum(_pattern(literals[int(n)]) for n in _MATCHES.findall(bare)),
        length=len(text),
        commas=bare.count(","),
    )


def _parts(bare: str) -> tuple[list[_Part], int]:
    """Return what stands in no loop and in each, in order, and how deep loops stand in loops."""
    root = _Part()
    parts, open_loops, brackets, deepest = [root], [root], [False], 0
    for token in _TOKEN.finditer(bare):
        part = open_loops[-1]
        if token["variable"]:
            outer = part.group if len(open_loops) > 1 else len(parts)
            parts.append(_Part(token["variable"], outer))
            open_loops.append(parts[-1])
            brackets.append(True)
            deepest = max(deepest, len(open_loops) - 1)
        elif token["split"]:
            part.splits += 1
            brackets.append(False)
        elif token["name"]:
            if token["name"] not in _WORDS:
                part.names += 1
                part.foreign = max(part.foreign, _loops_between(open_loops, token["name"]))
        elif token[0] == "+":
            part.sums += 1
        elif token[0] == "(":
            brackets.append(False)
        elif len(brackets) > 1 and brackets.pop():
            open_loops.pop()
    return parts, deepest


def _loops_between(open_loops: list[_Part], name: str) -> int:
    """Return in how many loops a name stands beyond the one that gives it; columns have none."""
    for away, loop in enumerate(reversed(open_loops)):
        if loop.variable == name:
            return away
    return len(open_loops) - 1


def _growth(bare: str, literals: list[str]) -> float:
    growth = 1.0
    for old, new in _REPLACE.findall(bare):
        was, becomes = literals[int(old)], len(literals[int(new)])
        # `\u00e9` is six characters here and one there.
        length = min(1, len(was)) if "\\" in was else len(was)
        growth *= max(1.0, becomes / length) if length else 1 + becomes
    return growth


def _pattern(pattern: str) -> int:
    repeated = 1
    for least, most in _REPEATED.findall(pattern):
        repeated *= max(1, int(least or 0), int(most or 0))
    classes = len(_UNICODE_CLASS.findall(pattern))
    return repeated * (_PATTERN_UNITS * len(pattern) + _UNICODE_CLASS_UNITS * classes)
