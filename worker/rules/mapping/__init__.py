"""From a row to the fields of a profile: pure functions, compiled once per sync and schema.

record ⇒ values.py                ⇒ as Iterable takes it       a column as it is
logical.py ⇒ pins.py     ⇒ as a pinned type           a column with a type
cel.py                   ⇒ what an expression says    several columns
tree.py     ⇒ in objects                 address.city
"""

from worker.rules.mapping.compile import Mapper, MappingParts, compile_mapping, compile_parts
from worker.rules.mapping.moments import iterable_date
from worker.rules.mapping.names import RESERVED_FIELDS
from worker.rules.mapping.sources import (
    Constant,
    Expression,
    FieldSource,
    FromColumn,
    MappingPolicy,
    MissingColumnError,
    UnmappableError,
)

__all__ = [
    "RESERVED_FIELDS",
    "Constant",
    "Expression",
    "FieldSource",
    "FromColumn",
    "Mapper",
    "MappingParts",
    "MappingPolicy",
    "MissingColumnError",
    "UnmappableError",
    "compile_mapping",
    "compile_parts",
    "iterable_date",
]
