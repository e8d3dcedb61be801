"""What a record holds of a value: rows through Avro and back, in physical form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.avro import RowEncoder, avro_name, row_schema
from connectors.physical import PhysicalDecoder
from connectors.records import Column, ColumnType, MappedRow
from worker.rules.mapping import MappingPolicy, compile_mapping

NUMBER = Column("ID", ColumnType.DECIMAL, 38)
KINDS = tuple(Column(kind.name, kind, 38, 2) for kind in ColumnType)
COLUMNS = (NUMBER, *KINDS)


def physical_row(row: Mapping[str, object], columns: Sequence[Column]) -> dict[str, object]:
    """Return the row as interpret decodes it; columns that are not said are NULL."""
    schema = row_schema("m", columns)
    [record] = RowEncoder(schema, 1, columns).encode([[row.get(c.name) for c in columns]])
    return PhysicalDecoder(schema).decode(record)


def map_row(
    row: Mapping[str, object], policy: MappingPolicy, columns: Sequence[Column] = COLUMNS
) -> MappedRow:
    """Return what becomes of a row, of user 7 when it does not say whose it is."""
    return compile_mapping(policy, columns, avro_name)(physical_row({"ID": 7, **row}, columns))
