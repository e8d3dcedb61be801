"""Commands that look: check, mqr, example."""

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
from worker.operate.check import check as run_check
from worker.operate.mqr import print_mqr
from worker.operate.mqr import report as mqr_report

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
