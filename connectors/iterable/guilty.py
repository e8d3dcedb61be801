"""Which rows of a refused call are at fault, by what the refusal says and by their own bodies.

A wrong type refuses a thousand rows, and the refusal names the field, not the row:

    {"born": {"incomingTypes": ["string","keyword"], "expectedType": "date", "offendingValue": …}}
    {"born":"2001-02-03"}  {"born":"soon"}  {"born":"later"}   →  rows 1 and 2

A text that is no date is refused in every row, so all such rows are found at once. A row is named
only if it cannot be accepted; where that is open ("7" in a number field), the sender's bisection
decides. The offending value is somebody's data: it is compared with, never kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.iterable.kinds import Kind, can_be, kind_of, kinds_named

_PLACE = re.compile(r"obj\.(?:users|events|subscribers)\[([0-9]{1,6})\](?:[.\[].*)?", re.DOTALL)


def placed(params: Mapping[str, Any], rows: int) -> frozenset[int]:
    """Return the rows that a BadJsonBody names: `obj.users[1].email` is row 1."""
    found = (_PLACE.fullmatch(name) for name in params)
    return frozenset(int(m[1]) for m in found if m is not None and int(m[1]) < rows)


def mistyped(params: Mapping[str, Any], bodies: Sequence[bytes]) -> frozenset[int]:
    """Return the rows that a RequestFieldsTypesMismatched is about; empty when it is not plain."""
    suspicions = _suspicions(params.get("validationErrors"))
    fields = [_fields(body) for body in bodies] if suspicions else []
    return frozenset(
        index for index, row in enumerate(fields) if any(s.convicts(row) for s in suspicions)
    )


def called_invalid(message: str, identities: Sequence[str]) -> frozenset[int]:
    """Return the rows that `Emails invalid: a@b, c@d` names; empty unless every name is a row's.

    Without its addresses, as for an empty call, it says nothing of any row.
    """
    names = {name.strip() for name in message.partition(": ")[2].split(",")}
    known = set(identities)
    named = {n if n in known else n.lower() for n in names}
    return frozenset(i for i, who in enumerate(identities) if who in named and named <= known)


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """One field of a refusal: where it is, what it has to be, and what came instead."""

    path: str
    expected: str
    came: frozenset[Kind]
    offending: object

    def convicts(self, row: Mapping[str, Any]) -> bool:
        """Say whether the row holds the value that was refused, or one as impossible."""
        return any(
            self._was_named(value)
            or (kind_of(value) in self.came and not can_be(value, self.expected))
            for value in _values(row, self.path)
        )

    def _was_named(self, value: object) -> bool:
        # By its type too: 1, 1.0 and true are equal here. Objects are not compared, they may be
        # too deep for it.
        same_type = isinstance(value, str | int | float) and type(value) is type(self.offending)
        return same_type and value == self.offending


def _suspicions(errors: object) -> list[_Suspicion]:
    found = []
    for path, details in errors.items() if isinstance(errors, dict) else ():
        if not isinstance(details, dict):
            continue
        expected, came = details.get("expectedType"), details.get("incomingTypes")
        if isinstance(expected, str):
            kinds = kinds_named(came if isinstance(came, list) else ())
            found.append(_Suspicion(path, expected, kinds, details.get("offendingValue")))
    return found


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = orjson.loads(body)["dataFields"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _values(row: Mapping[str, Any], path: str) -> Iterator[object]:
    """Yield what stands at a dotted path, the elements of arrays one by one."""
    places: list[tuple[object, str | None]] = [(row, path)]
    while places:
        value, left = places.pop()
        if isinstance(value, list):
            places += [(element, left) for element in value]
        elif left is None:
            yield value
        elif isinstance(value, dict):
            head, dot, rest = left.partition(".")
            if left in value:
                places.append((value[left], None))
            if dot and head in value:
                places.append((value[head], rest))
