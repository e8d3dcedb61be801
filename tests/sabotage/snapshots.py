"""Snapshots: only what really left is deleted, and no more than the guards let pass."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_SNAPSHOT = "worker/stages/snapshot.py"
_FILES = "connectors/sqlite/snapshots.py"

SNAPSHOTS = (
    Mutation(
        name="guards",
        promise="A snapshot that would delete or blank too much publishes nothing.",
        file=_SNAPSHOT,
        old="        if sentence:\n",
        new="        if not name:\n",
        tests=(
            "tests/unit/stages/test_snapshot.py::test_a_model_that_is_empty_or_half_built_is_refused",
        ),
    ),
    Mutation(
        name="half_read",
        promise="A snapshot that the MQR limit cut short deletes nothing.",
        file=_SNAPSHOT,
        old='            if last is None:\n                return "limit_reached"\n',
        new="            if last is None:\n"
        "                await self._publish_gone(prepared, 0)\n"
        '                return "limit_reached"\n',
        tests=(
            "tests/unit/stages/test_snapshot.py::test_the_limit_in_the_middle_publishes_and_deletes_nothing",
        ),
    ),
    Mutation(
        name="half_read_stop",
        promise="A snapshot that a stop cut short deletes nothing.",
        file=_SNAPSHOT,
        old="        if self._clock.stopping():\n            return\n        name =",
        new="        name =",
        tests=(
            "tests/unit/stages/test_snapshot_crashes.py::test_stopped_at_any_point_it_removes_nothing_it_has_not_read",
        ),
    ),
    Mutation(
        name="growth",
        promise="Rows that were added while a snapshot was read are not taken for gone.",
        file=_SNAPSHOT,
        old="if left <= 0 and not (left := await self._grown_by(columns, after)):",
        new="if left <= 0:",
        tests=(
            "tests/unit/stages/test_snapshot.py::test_rows_that_come_while_the_model_is_read_push_no_other_out",
        ),
    ),
    Mutation(
        name="delete_identity",
        promise="A delete record carries the identity that the destination knows the row by.",
        file=_SNAPSHOT,
        old="return [delete, delete._replace(value=None)]",
        new='return [delete._replace(value=b""), delete._replace(value=None)]',
        tests=(
            "tests/unit/stages/test_snapshot.py::test_a_delete_record_holds_identity_alone_and_a_tombstone_follows",
        ),
    ),
    Mutation(
        name="tombstone",
        promise="A row that left is cleared away from the topic.",
        file=_SNAPSHOT,
        old="return [delete, delete._replace(value=None)]",
        new="return [delete]",
        tests=(
            "tests/unit/stages/test_snapshot.py::test_a_delete_record_holds_identity_alone_and_a_tombstone_follows",
        ),
    ),
    Mutation(
        name="staged_file",
        promise="Rows that wait for the guards' yes leave no file behind, whatever happens.",
        file=_FILES,
        old="    path.unlink()\n",
        new="",
        tests=(
            "tests/unit/connectors/test_sqlite_snapshots.py::test_no_file_ever_shows_a_staged_row",
        ),
    ),
    Mutation(
        name="staged_end",
        promise="With the snapshot's end the rows that waited are gone.",
        file=_FILES,
        old="if (db := self._files.pop(model, None)) is not None:",
        new="if (db := self._files.get(model)) is not None and not model:",
        tests=(
            "tests/unit/connectors/test_sqlite_snapshots.py::test_after_its_end_a_snapshot_holds_no_row",
        ),
    ),
    Mutation(
        name="snapshot_twice",
        promise="Of a key that two pages hold the last row counts, changed or not.",
        file=_FILES,
        old="if new < len(seen):",
        new="if new < 0:",
        tests=(
            "tests/unit/connectors/test_sqlite_snapshots.py::test_the_last_row_of_a_key_counts",
        ),
    ),
)
