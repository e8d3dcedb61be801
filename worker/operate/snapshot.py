"""`hightide snapshot`: read a model whole now, to look at what it would change or let it pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from connectors.records import SnapshotCounts
from worker.app.roles import SnapshotRun
from worker.app.run import Worker
from worker.config.document import ConfigError
from worker.config.settings import Settings
from worker.config.syncs import Config
from worker.observe.progress import Progress
from worker.stages.snapshot import Compared


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What a snapshot found. `refusal` is the guards' sentence; then nothing was published."""

    model: str
    counts: SnapshotCounts
    leaving: tuple[str, ...]
    refusal: str
    published: bool

    def as_json(self, *, show_keys: bool) -> dict[str, object]:
        """Return everything as JSON values; keys only if asked for, they are personal data."""
        counts: Mapping[str, object] = {
            "known": self.counts.known,
            "new": self.counts.new,
            "changed": self.counts.changed,
            "deleted": self.counts.deleted,
            "blanked": dict(self.counts.blanked),
        }
        keys: dict[str, object] = {}
        if show_keys:
            cut = len(self.leaving) < self.counts.deleted
            keys = {"deleted_keys": list(self.leaving), "deleted_keys_cut": cut}
        said = {"refused": self.refusal or None, "published": self.published}
        return {"model": self.model, **counts, **keys, **said}


async def snapshot(
    config: Config, settings: Settings, run: SnapshotRun, progress: Progress
) -> SnapshotReport:
    """Take one snapshot. A poller that is running is fenced by it, exits and starts anew.

    Raises ConfigError for a model that is read by its watermark.
    """
    if run.model not in config.models:
        names = ", ".join(config.models)
        raise ConfigError(f"there is no model {run.model!r}; there are: {names}")
    if not config.models[run.model].is_snapshot:
        raise ConfigError(
            f"model {run.model} is read by its watermark: a snapshot is for models with "
            "`read: snapshot` or without a watermark"
        )
    worker = Worker(config, settings, poll=True, deliver=False, snapshot=run)
    worker.meter.progress = progress
    await worker.open()
    compared = await worker.take_snapshot(run.model)
    return _report(run, compared)


def _report(run: SnapshotRun, compared: Compared) -> SnapshotReport:
    published = not run.dry_run and not compared.refusal
    return SnapshotReport(run.model, compared.counts, compared.leaving, compared.refusal, published)


def print_snapshot(found: SnapshotReport, console: Console, *, show_keys: bool) -> None:
    """Print the report as a person reads it."""
    table = Table("", "rows", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    counts = found.counts
    rows = {"known before": counts.known, "new": counts.new, "changed": counts.changed}
    rows |= {"left the model": counts.deleted}
    rows |= {f"{name} blanked": n for name, n in sorted(counts.blanked.items())}
    for what, n in rows.items():
        table.add_row(what, f"{n:,}")
    console.print(table)
    if show_keys and found.leaving:
        console.print(f"Left, the first {len(found.leaving)}: {', '.join(found.leaving)}")
    if found.refusal:
        console.print(f"[red]{found.refusal}[/]")
    else:
        console.print("Published." if found.published else "Nothing was published: a dry run.")
