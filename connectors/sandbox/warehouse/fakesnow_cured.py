"""The one place that imports fakesnow, and what has to be cured so that connector 5.x can use it.

fakesnow 0.12.1 imports two modules that connector 5 removed; only its in-process patch mode uses
them, so empty ones do. And it writes a NULL timestamp as a NULL inside the struct's children, which
connector 5 rejects ("Found unmasked nulls for non-nullable StructArray field") and connector 4
reads as 1970-01-01; here the NULL stands on the struct itself.
"""

from __future__ import annotations

import logging
import sys
import types
import warnings

import pyarrow as pa
import pyarrow.compute as pc
import snowflake.connector


def _stub(name: str, class_name: str) -> None:
    full_name = f"snowflake.connector.{name}"
    module = types.ModuleType(full_name)
    setattr(module, class_name, type(class_name, (), {}))
    sys.modules[full_name] = module
    setattr(snowflake.connector, name, module)


_stub("converter", "SnowflakeConverter")
_stub("file_util", "SnowflakeFileUtil")

# Only now can fakesnow be imported.
import fakesnow.arrow  # noqa: E402
from fakesnow.arrow import to_ipc, to_sf  # noqa: E402
from fakesnow.conn import FakeSnowflakeConnection  # noqa: E402
from fakesnow.cursor import FakeSnowflakeCursor  # noqa: E402
from fakesnow.dialect import parse  # noqa: E402
from fakesnow.instance import FakeSnow  # noqa: E402
from fakesnow.rowtype import describe_as_rowtype  # noqa: E402
from fakesnow.statement_type import DML_TYPE_IDS, statement_type_id  # noqa: E402

__all__ = [
    "DML_TYPE_IDS",
    "FakeSnow",
    "FakeSnowflakeConnection",
    "FakeSnowflakeCursor",
    "describe_as_rowtype",
    "parse",
    "statement_type_id",
    "to_ipc",
    "to_sf",
]

_without_nulls = fakesnow.arrow.timestamp_to_sf_struct


def _timestamps_with_null_mask(timestamps: pa.Array | pa.ChunkedArray) -> pa.StructArray:
    if isinstance(timestamps, pa.ChunkedArray):
        timestamps = timestamps.combine_chunks()
    if timestamps.null_count == 0:
        return _without_nulls(timestamps)
    filled = _without_nulls(pc.fill_null(timestamps, pa.scalar(0, timestamps.type)))
    children = [filled.field(position) for position in range(filled.type.num_fields)]
    return pa.StructArray.from_arrays(
        children, fields=list(filled.type), mask=pc.is_null(timestamps)
    )


fakesnow.arrow.timestamp_to_sf_struct = _timestamps_with_null_mask

# Said at each statement, about fakesnow's own code and about casts we asked for.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
logging.getLogger("sqlglot").setLevel(logging.ERROR)
