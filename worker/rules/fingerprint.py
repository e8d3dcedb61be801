"""What counts as a change: the hash of a row's content, blind to what only looks different.

GitLab's arrays are aggregated without an order, so between two builds of the same data
`[{"NAMESPACE_ID": 1}, {"NAMESPACE_ID": 2}]` becomes `[{"NAMESPACE_ID": 2}, {"NAMESPACE_ID": 1}]`:
of 5,000 rows 4,106 looked changed where 50 were. Arrays of objects are a set here, keys are sorted,
absent and NULL are the same; arrays of plain values keep their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from math import isfinite
from typing import cast

import orjson

from connectors.records import Column, ColumnType

HASH_BYTES = 16
_OPTIONS = orjson.OPT_SORT_KEYS


def row_hasher(
    columns: Sequence[Column], ignore: Collection[str]
) -> Callable[[Sequence[object]], bytes]:
    """Return the function from a row to its 16-byte content hash.

    Columns in `ignore` don't count: the watermark, and columns that change without meaning, like
    a hash over the unordered array. A NULL does not count either, so a new column that is still
    empty changes no hash.
    """
    # In the order of their names, once here: the encoder need not sort for each row.
    counted = sorted((c.name, i, c.type) for i, c in enumerate(columns) if c.name not in ignore)
    plain = [(name, i) for name, i, kind in counted if kind is not ColumnType.JSON]
    json = [(name, i) for name, i, kind in counted if kind is ColumnType.JSON]
    floats = [name for name, _, kind in counted if kind is ColumnType.FLOAT]

    def digest(row: Sequence[object]) -> bytes:
        content: dict[str, object] = {
            name: value for name, i in plain if (value := row[i]) is not None
        }
        for name in floats:  # orjson writes null for NaN and both infinities
            if not isfinite(number := cast("float", content.get(name, 0.0))):
                content[name] = str(number)
        for name, i in json:
            if (value := row[i]) is not None:
                content[name] = canonical_text(value)
        try:
            encoded = orjson.dumps(content, default=_plain)
        except orjson.JSONEncodeError:  # NUMBER(38,0) goes beyond the 64 bits orjson writes
            content = {k: str(v) if isinstance(v, int) else v for k, v in content.items()}
            encoded = orjson.dumps(content, default=_plain)
        return hashlib.blake2b(encoded, digest_size=HASH_BYTES).digest()

    return digest


def canonical_text(value: object) -> orjson.Fragment | str:
    """Return JSON text in its canonical form; text that is no JSON stays as it is."""
    text = value if isinstance(value, str) else str(value)
    try:
        return orjson.Fragment(orjson.dumps(canonical(orjson.loads(text)), option=_OPTIONS))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        # Snowflake prints `undefined` inside arrays, and VARIANT may be nested deeper than orjson
        # writes: hash what was printed.
        return text


def canonical(value: object) -> object:
    """Return parsed JSON with every array of objects put into one order, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                value[key] = canonical(inner)
        return value
    if isinstance(value, list) and value:
        inner_values = [canonical(v) if isinstance(v, (dict, list)) else v for v in value]
        if all(isinstance(v, dict) for v in value):
            return _sorted_objects(inner_values)
        return inner_values
    return value


def _sorted_objects(objects: Sequence[object]) -> orjson.Fragment:
    texts = sorted(orjson.dumps(o, option=_OPTIONS) for o in objects)
    return orjson.Fragment(b"[" + b",".join(texts) + b"]")


def _plain(value: object) -> str:
    # Marked, so that a column that was cast to text is another content: 1.25 is not "1.25".
    if isinstance(value, Decimal):
        return f"\0{value}"
    if isinstance(value, (bytes, bytearray)):
        return f"\0{value.hex()}"
    raise TypeError(f"a row holds a {type(value).__name__}, which has no canonical form")


def key_text(value: object) -> str:
    """Return a primary key as canonical text: `7` and `Decimal('7')` are one key."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value)
