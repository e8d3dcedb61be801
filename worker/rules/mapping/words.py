"""What can be said of an expression's text without its language: its length, its loops, its words.

NAMESPACES.exists(n, n.PLAN == "gold.map(")   →   NAMESPACES.exists(n, n.PLAN == "")   1 loop
"""

from __future__ import annotations

import re

LONGEST_EXPRESSION = 1_000
MOST_LOOPS = 3

_LITERAL = re.compile(
    r"""(?:[bB]?[rR][bB]?|[bB])?(?:\"{3}.*?\"{3}|'{3}.*?'{3})"""
    r"""|(?:[bB]?[rR][bB]?)(?:"[^"\n]*"|'[^'\n]*')"""
    r"""|[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|//[^\n]*""",
    re.DOTALL,
)
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(")
# Types have names of their own in the language; alone, one of them hides a column of that name.
_TYPE_WORD = re.compile(
    r"(?<![\w.])(bool|bytes|double|int|list|map|null_type|string|type|uint)\b(?!\s*[(])"
)


def wrong_words(text: str) -> str | None:
    """Return what is wrong with an expression before it is compiled, or None."""
    if len(text) > LONGEST_EXPRESSION:
        return f"is longer than {LONGEST_EXPRESSION} characters: say it in the model's SQL"
    bare, _ = without_literals(text)
    if len(_LOOP.findall(bare)) > MOST_LOOPS:
        return f"has more than {MOST_LOOPS} of map, filter, all and exists: say it in the SQL"
    if "`" in bare:
        return "`…` does not work here: give the column a name of letters, digits and _ in the SQL"
    if (found := _TYPE_WORD.search(bare)) is not None:
        return f"{found[1]} is a word of the language: a column needs another name in the SQL"
    return None


def without_literals(text: str) -> tuple[str, list[str]]:
    """Return the text with a number in place of each literal, without comments, and the literals.

    `A.replace("x", 'y') // z` is `A.replace("0", "1") ` with x and y.
    """
    literals: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[0].startswith("//"):
            return ""
        literals.append(_inside(found[0]))
        return f'"{len(literals) - 1}"'

    return _LITERAL.sub(number, text), literals


def _inside(literal: str) -> str:
    quoted = literal.lstrip("bBrR")
    quotes = 3 if quoted.startswith(('"""', "'''")) else 1
    return quoted[quotes:-quotes]
