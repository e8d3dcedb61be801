"""The command `hightide`: each command a few lines, the work is done in `operate` and `app`.

Exit codes: 0 done, 1 a mistake of ours, 2 the command or configuration is wrong, 3 something is not
reachable, 4 something refused us and a person must act, 5 another poller took over.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from connectors.errors import ConnectorError
from connectors.sandbox.process import SandboxError
from worker.app.parts import Parts
from worker.app.run import serve
from worker.config.document import ConfigError
from worker.config.load import load_config
from worker.config.settings import Settings, load_settings
from worker.config.syncs import Config
from worker.observe.logs import configure_logs
from worker.operate import demo as demos
from worker.operate.baseline import baseline as set_baseline
from worker.operate.check import check as run_check
from worker.operate.exits import exit_code, print_mistake
from worker.operate.replay import parse_start
from worker.operate.replay import replay as run_replay
from worker.operate.sandbox import run_part

T = TypeVar("T")

app = typer.Typer(
    name="hightide",
    help="Keeps Iterable equal to a Snowflake model, through a Kafka topic you own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
sandbox = typer.Typer(help="Run one stand-in alone.", no_args_is_help=True)
app.add_typer(sandbox, name="sandbox")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The YAML file; default: HIGHTIDE_CONFIG or hightide.yaml"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout")]
OnceOption = Annotated[bool, typer.Option("--once", help="Poll every model once, then exit")]
IdleOption = Annotated[
    bool, typer.Option("--until-idle", help="Exit once everything in the topics is delivered")
]


def _load(config: Path | None) -> tuple[Config, Settings]:
    settings = load_settings()
    configure_logs(settings.log_level)
    return load_config(config or settings.config), settings


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        typer.echo(version("hightide"))
        raise typer.Exit


@app.callback()
def hightide(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version"),
    ] = False,
) -> None:
    """Keeps Iterable equal to a Snowflake model, through a Kafka topic you own."""


@app.command()
def check(
    config: ConfigOption = None,
    create_topics: Annotated[bool, typer.Option(help="Create the topics that are missing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look whether everything a run needs is there: rights, reachability, columns.

    Example: `hightide check --config hightide.yaml`
    """
    loaded, settings = _load(config)
    findings = _run(run_check(Parts(loaded, settings), create_topics=create_topics))
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
def poll(config: ConfigOption = None, once: OnceOption = False) -> None:
    """Read what changed in the models and publish it to Kafka; one process at a time.

    Example: `hightide poll --config hightide.yaml`
    """
    loaded, settings = _load(config)
    _run(serve(loaded, settings, poll=True, deliver=False, once=once))


@app.command()
def deliver(config: ConfigOption = None, until_idle: IdleOption = False) -> None:
    """Deliver from Kafka to the destinations; as many processes as you like.

    Example: `hightide deliver --config hightide.yaml`
    """
    loaded, settings = _load(config)
    _run(serve(loaded, settings, poll=False, deliver=True, until_idle=until_idle))


@app.command()
def run(config: ConfigOption = None) -> None:
    """Poll and deliver in one process.

    Example: `hightide run --config hightide.yaml`
    """
    loaded, settings = _load(config)
    _run(serve(loaded, settings, poll=True, deliver=True))


@app.command()
def replay(
    sync: Annotated[str, typer.Argument(help="Name of the sync")],
    start: Annotated[
        str, typer.Option("--from", help="`earliest`, or a time like 2026-11-24T08:00:00Z")
    ],
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be delivered again")] = False,
    as_json: JsonOption = False,
) -> None:
    """Deliver again from the topic, without asking Snowflake; stop the sync's deliver first.

    Example: `hightide replay iterable-production --from earliest`
    """
    loaded, settings = _load(config)
    result = _run(run_replay(Parts(loaded, settings), sync, parse_start(start), dry_run=dry_run))
    if as_json:
        fields = {"sync": sync, "records": result.records, "moved": result.moved}
        typer.echo(json.dumps({**fields, "offsets": result.offsets}))
        return
    verb = "will be" if result.moved else "would be"
    typer.echo(f"{result.records:,} records of {sync} {verb} delivered again; MQR stays as it is.")
    if result.moved:
        typer.echo("Start its deliver processes again: `hightide deliver`.")


@app.command()
def baseline(
    model: Annotated[str, typer.Argument(help="Name of the model")],
    config: ConfigOption = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on from the watermark")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Read everything again")] = False,
    as_json: JsonOption = False,
) -> None:
    """Accept a model whose SQL, key or watermark column was changed.

    Example: `hightide baseline marketing_contacts --keep`
    """
    if keep == restart:
        raise ConfigError("say either --keep or --restart")
    loaded, settings = _load(config)
    action: Literal["keep", "restart"] = "keep" if keep else "restart"
    watermark = _run(set_baseline(Parts(loaded, settings), model, action))
    if as_json:
        value = None if watermark is None else watermark.value
        typer.echo(json.dumps({"model": model, "watermark": value}))
        return
    place = "the start" if watermark is None else watermark.value
    typer.echo(f"Model {model} goes on from {place}.")


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
    report = _run(demos.demo(demos.Plan(contacts, days, seed), quiet=as_json))
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


@app.command()
def example() -> None:
    """Print an example of hightide.yaml.

    Example: `hightide example > hightide.yaml`
    """
    typer.echo(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8"), nl=False
    )


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def main() -> int:
    """Run the command line; return its exit code. Every error is one sentence on stderr."""
    try:
        result = app(standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except (ConfigError, ConnectorError, SandboxError) as error:
        print(f"hightide: {error}", file=sys.stderr)  # noqa: T201  # the one line a person reads
        return exit_code(error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  # the last one who can say anything
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return int(error.exit_code)
        print_mistake(error)
        return 1
    return result if isinstance(result, int) else 0
