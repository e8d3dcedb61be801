"""Commands that look: check, plan, mqr, example."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from worker.app.parts import Parts
from worker.cli.options import ConfigOption, JsonOption, load, run_to_end
from worker.clock import SystemClock
from worker.observe.progress import show_progress
from worker.operate.check import check as run_check
from worker.operate.mqr import print_mqr
from worker.operate.mqr import report as mqr_report
from worker.operate.plan import plan as make_plan
from worker.operate.plan import print_plan

app = typer.Typer()


@app.command()
def check(
    config: ConfigOption = None,
    create_topics: Annotated[bool, typer.Option(help="Create the topics that are missing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look whether everything a run needs is there: rights, reachability, columns.

    Example: `hightide check --config hightide.yaml`
    """
    loaded, settings = load(config, quiet=True)
    findings = run_to_end(run_check(Parts(loaded, settings), create_topics=create_topics))
    if as_json:
        typer.echo(json.dumps([{"what": f.what, "ok": f.ok, "says": f.sentence} for f in findings]))
    else:
        table = Table("what", "", "found", box=None, pad_edge=False)
        for finding in findings:
            table.add_row(
                finding.what, "[green]ok[/]" if finding.ok else "[red]no[/]", finding.sentence
            )
        Console().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(4)


@app.command()
def plan(
    sync: Annotated[str, typer.Argument(help="Name of the sync")],
    config: ConfigOption = None,
    rows: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many of the topic's newest records")
    ] = 1_000,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show the samples' values; personal data")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Try a sync on the newest rows of its topic: what would be sent, what not, and why.

    Nothing is sent and nothing moves; Snowflake is asked nothing, so it costs no MQR. Exit code 4:
    a field is certain to be refused, or every row is rejected.
    Example: `hightide plan iterable-production --rows 5000`
    """
    loaded, settings = load(config, quiet=True)
    with show_progress() as progress:
        found = run_to_end(make_plan(Parts(loaded, settings), sync, rows=rows, progress=progress))
    if as_json:
        typer.echo(json.dumps(found.as_json(show_values=show_values)))
    else:
        # Names and payloads are printed as they are: `[b]` is no markup.
        console = Console(markup=False, emoji=False, highlight=False)
        print_plan(found, console, show_values=show_values)
    if not found.ok:
        raise typer.Exit(4)


@app.command()
def mqr(
    config: ConfigOption = None,
    preflight: Annotated[
        bool, typer.Option(help="Also ask the source how many rows the next poll would return")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the billing period's use by model, its forecast, and when the limit would be met.

    Example: `hightide mqr --preflight`
    """
    loaded, settings = load(config, quiet=True)
    now_ns = int(SystemClock(asyncio.Event()).now() * 1e9)
    found = run_to_end(mqr_report(Parts(loaded, settings), now_ns, preflight=preflight))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        print_mqr(found, Console())


@app.command()
def example() -> None:
    """Print an example of hightide.yaml.

    Example: `hightide example > hightide.yaml`
    """
    typer.echo(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8"), nl=False
    )
