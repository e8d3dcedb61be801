"""Compare: which rows of a page are news to the index, and what becomes of them.

A row is hashed in canonical form, so that an array whose order flaps between two builds is no
change: of 5,000 rows 4,106 looked changed where 50 were.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.avro import RowEncoder
from connectors.ports import Index, SeenRow, Snapshots
from connectors.records import Change, Page
from worker.rules.changes import Rows, partition_hash


class CompareStage:
    """Compares pages with the index. Methods block; call them off the event loop."""

    def __init__(self, index: Index, snapshots: Snapshots) -> None:
        self._index = index
        self._snapshots = snapshots

    def changes(
        self, rows: Rows, encoder: RowEncoder, page: Page, keys: Sequence[bytes], clock_ns: int
    ) -> list[Change]:
        """Return the page's changed rows, encoded; ConfigurationError for one that can't be."""
        # Should a key stand twice in the page, its last row counts.
        last = list({key: i for i, key in enumerate(keys)}.values())
        try:
            hashes = [rows.digest(page.rows[i]) for i in last]
            changed = self._index.changed(rows.model.name, [keys[i] for i in last], hashes)
            chosen = [(i, h) for i, h, new in zip(last, hashes, changed, strict=True) if new]
            values = encoder.encode([page.rows[i] for i, _ in chosen])
        except (ArithmeticError, TypeError, ValueError):
            # The library's text quotes the value: it stays here.
            raise rows.unencodable() from None
        return [
            Change(
                keys[i],
                value,
                partition_hash(page.rows[i][rows.partition_index], keys[i]),
                row_hash,
                rows.changed_at_ns(page, i, clock_ns),
            )
            for (i, row_hash), value in zip(chosen, values, strict=True)
        ]

    def seen(
        self, rows: Rows, encoder: RowEncoder, page: Page, keys: Sequence[bytes], clock_ns: int
    ) -> list[SeenRow]:
        """Return the page's keys for a snapshot: which rows changed, and what they blank."""
        name, kept = rows.model.name, rows.kept_at_delete
        # Should a key stand twice in the page, its last row counts.
        last = dict(zip(keys, page.rows, strict=True))
        changes = {c.key: c for c in self.changes(rows, encoder, page, keys, clock_ns)}
        before = dict(zip(changes, self._snapshots.filled(name, list(changes)), strict=True))
        seen = []
        for key, row in last.items():
            change = changes.get(key)
            if change is None:
                seen.append(SeenRow(key))
            else:
                delete, blanked = encoder.encode_only(row, kept), rows.blanked(before[key], row)
                seen.append(SeenRow(key, change, delete, rows.filled(row), blanked))
        return seen
