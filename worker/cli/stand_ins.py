"""Commands that need nothing outside: demo, sandbox."""

from __future__ import annotations

import json
import signal
from typing import Annotated

import typer

from worker.cli.options import JsonOption, run_to_end
from worker.observe.logs import configure_logs
from worker.operate import demo as demos
from worker.operate.sandbox import run_part

app = typer.Typer()
sandbox = typer.Typer(help="Run one stand-in alone.", no_args_is_help=True)
app.add_typer(sandbox, name="sandbox")


@app.command()
def demo(
    contacts: Annotated[
        int, typer.Option(min=100, max=2_000_000, help="Rows in the model")
    ] = 20_000,
    days: Annotated[
        int, typer.Option(min=1, max=30, help="Days; each after the first a build")
    ] = 2,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data")] = 7,
    as_json: JsonOption = False,
) -> None:
    """See it work: stand-ins for all three systems, days of syncs, a verdict on every profile.

    Example: `hightide demo --contacts 50000 --days 3 --seed 7 --json`
    """
    configure_logs("error")
    # Ended from outside, the stand-ins are stopped as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = run_to_end(demos.demo(demos.Plan(contacts, days, seed), quiet=as_json))
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    if not report.equal_everywhere:
        raise typer.Exit(1)


_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@sandbox.command("iterable", context_settings=_PASS_ON)
def sandbox_iterable(context: typer.Context) -> None:
    """An Iterable to talk to.

    Example: `hightide sandbox iterable --port 8700 --latency-ms 20:80`
    """
    raise typer.Exit(run_part("iterable", context.args))


@sandbox.command("warehouse", context_settings=_PASS_ON)
def sandbox_warehouse(context: typer.Context) -> None:
    """A Snowflake to talk to.

    Example: `hightide sandbox warehouse --folder db --rows 10000`
    """
    raise typer.Exit(run_part("warehouse", context.args))


@sandbox.command("kafka", context_settings=_PASS_ON)
def sandbox_kafka(context: typer.Context) -> None:
    """A Kafka to talk to.

    Example: `hightide sandbox kafka --folder broker --port 9092`
    """
    raise typer.Exit(run_part("broker", context.args))
