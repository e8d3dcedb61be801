"""A sync's plan: what was found, as JSON and as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from connectors.records import SkipReason
from worker.operate.plan.calls import Calls, Pace
from worker.operate.plan.masking import masked
from worker.operate.plan.trial import Trial
from worker.rules.field_types import TypeConflict

PERSONAL_DATA = "The values below are those of real rows: personal data. Keep them to yourself."


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync would do with its topic's newest rows.

    Every row is sent by one of its calls, skipped or rejected. `created` is None where the
    destination has no field types to ask for. `samples` are items as a call carries them: personal
    data.
    """

    sync: str
    model: str
    destination: str
    object_name: str
    mode: str
    rows: int
    sent: Mapping[str, int]
    skipped: Mapping[str, int]
    rejected: Mapping[str, int]
    max_reject_share: float
    trials: tuple[Trial, ...]
    conflicts: tuple[TypeConflict, ...]
    created: tuple[str, ...] | None
    pace: Pace
    calls: Calls
    records: int
    all_calls: Calls
    who_exists: str
    fields: tuple[str, ...]
    samples: tuple[bytes, ...]

    @property
    def stops(self) -> bool:
        """Whether so many rows are rejected that the sync stops."""
        return sum(self.rejected.values()) > self.max_reject_share * self.rows

    @property
    def ok(self) -> bool:
        """Whether the sync could run: no certain conflict, and not every row rejected."""
        return not self.conflicts and sum(self.rejected.values()) < max(1, self.rows)

    def payloads(self, *, show_values: bool) -> list[dict[str, Any]]:
        """Return the samples; masked unless their values are asked for."""
        if show_values:
            return [orjson.loads(body) for body in self.samples]
        return [masked(body, self.fields) for body in self.samples]

    def as_json(self, *, show_values: bool) -> dict[str, object]:
        """Return everything as JSON values."""
        skipped = {k: n for k, n in self.skipped.items() if k != SkipReason.FILTERED.value}
        return {
            "sync": self.sync,
            "model": self.model,
            "destination": self.destination,
            "object": self.object_name,
            "mode": self.mode,
            "ok": self.ok,
            "rows": self.rows,
            "would_send": dict(self.sent),
            "filtered": self.skipped.get(SkipReason.FILTERED.value, 0),
            "skipped": skipped,
            "rejected": dict(self.rejected),
            "would_stop": self.stops,
            "fields": [trial.as_json() for trial in self.trials],
            "new_fields": None if self.created is None else list(self.created),
            "conflicts": [str(conflict) for conflict in self.conflicts],
            "calls": self.calls.as_json(),
            "whole_topic": {"records_at_most": self.records, **self.all_calls.as_json()},
            "calls_per_second": self.pace.calls_per_second,
            "who_exists": self.who_exists or None,
            "samples": self.payloads(show_values=show_values),
            "values_are_personal_data": show_values,
        }


def print_plan(found: Plan, console: Console, *, show_values: bool) -> None:
    """Print the plan as a person reads it."""
    where = f"{found.destination} {found.object_name} ({found.mode})"
    console.print(f"{found.sync}: {found.model} → {where}. Nothing is sent.\n", soft_wrap=True)
    console.print(_outcomes(found))
    if found.trials:
        console.print()
        console.print(_fields(found.trials))
    for sentence in _sentences(found):
        console.print(f"\n{sentence}", soft_wrap=True)
    if found.samples:
        what = PERSONAL_DATA if show_values else "What a call carries, values masked:"
        console.print(f"\n{what}")
    for payload in found.payloads(show_values=show_values):
        console.print(orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode(), soft_wrap=True)


def _outcomes(found: Plan) -> Table:
    table = Table("", "rows", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.add_row("looked at, the newest", f"{found.rows:,}")
    for call, rows in (found.sent or {found.mode: 0}).items():
        table.add_row(f"would be sent: {call}", f"{rows:,}")
    for reason, rows in found.skipped.items():
        filtered = reason == SkipReason.FILTERED.value
        table.add_row("left out by the filter" if filtered else f"skipped: {reason}", f"{rows:,}")
    for reason, rows in found.rejected.items():
        table.add_row(f"rejected: {reason}", f"{rows:,}")
    return table


def _fields(trials: tuple[Trial, ...]) -> Table:
    table = Table("field", "is", "tried on", "NULL", "failed", "", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for number in (2, 3, 4):
        table.columns[number].justify = "right"
    for trial in trials:
        counts = (f"{n:,}" for n in (trial.tried, trial.null, trial.failures))
        table.add_row(trial.name, trial.kind, *counts, "; ".join(trial.failed))
    return table


def _sentences(found: Plan) -> Iterator[str]:
    for conflict in found.conflicts:
        yield f"Conflict: {conflict}"
    if found.stops:
        yield (
            f"More rows are rejected than max_reject_share permits ({found.max_reject_share:.0%}): "
            "the sync would stop."
        )
    if found.created:
        yield f"New in Iterable: {', '.join(found.created)}."
    calls, every, pace = found.calls, found.all_calls, found.pace
    limits = pace.limits
    yield (
        f"{_calls(calls.calls)} for {calls.rows:,} rows, {_size(calls.bytes)}: {calls.seconds:g} s "
        f"at {pace.calls_per_second:g} calls a second of {limits.max_rows:,} rows or "
        f"{_size(limits.max_bytes)}."
    )
    yield (
        f"The whole topic, at most {found.records:,} records: {_calls(every.calls)}, "
        f"{_size(every.bytes)}, {every.seconds:,g} s."
    )
    if found.who_exists:
        yield f"Who exists: {found.who_exists}."


def _calls(number: int) -> str:
    return f"{number:,} call" if number == 1 else f"{number:,} calls"


def _size(size: int) -> str:
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:,.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"
