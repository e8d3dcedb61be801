"""Commands that move rows: poll, deliver, run, replay, baseline, snapshot."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer
from rich.console import Console

from worker.app.parts import Parts
from worker.app.roles import SnapshotRun
from worker.app.run import serve
from worker.cli.options import ConfigOption, JsonOption, load, run_to_end
from worker.config.document import ConfigError
from worker.observe.progress import show_progress
from worker.operate.baseline import baseline as set_baseline
from worker.operate.replay import parse_start
from worker.operate.replay import replay as run_replay
from worker.operate.snapshot import print_snapshot
from worker.operate.snapshot import snapshot as take_snapshot

app = typer.Typer()

OnceOption = Annotated[bool, typer.Option("--once", help="Poll every model once, then exit")]
IdleOption = Annotated[
    bool, typer.Option("--until-idle", help="Exit once everything in the topics is delivered")
]


@app.command()
def poll(config: ConfigOption = None, once: OnceOption = False) -> None:
    """Read what changed in the models and publish it to Kafka; one process at a time.

    Example: `hightide poll --config hightide.yaml`
    """
    loaded, settings = load(config)
    run_to_end(serve(loaded, settings, poll=True, deliver=False, once=once))


@app.command()
def deliver(config: ConfigOption = None, until_idle: IdleOption = False) -> None:
    """Deliver from Kafka to the destinations; as many processes as you like.

    Example: `hightide deliver --config hightide.yaml`
    """
    loaded, settings = load(config)
    run_to_end(serve(loaded, settings, poll=False, deliver=True, until_idle=until_idle))


@app.command()
def run(config: ConfigOption = None) -> None:
    """Poll and deliver in one process.

    Example: `hightide run --config hightide.yaml`
    """
    loaded, settings = load(config)
    run_to_end(serve(loaded, settings, poll=True, deliver=True))


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
    loaded, settings = load(config, quiet=True)
    result = run_to_end(
        run_replay(Parts(loaded, settings), sync, parse_start(start), dry_run=dry_run)
    )
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
    loaded, settings = load(config, quiet=True)
    action: Literal["keep", "restart"] = "keep" if keep else "restart"
    watermark = run_to_end(set_baseline(Parts(loaded, settings), model, action))
    if as_json:
        value = None if watermark is None else watermark.value
        typer.echo(json.dumps({"model": model, "watermark": value}))
        return
    if loaded.models[model].is_snapshot:
        typer.echo(f"Model {model} is read whole with its next poll.")
        return
    place = "the start" if watermark is None else watermark.value
    typer.echo(f"Model {model} goes on from {place}.")


@app.command()
def snapshot(
    model: Annotated[str, typer.Argument(help="Name of the model")],
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option(help="Read and compare, publish nothing")] = False,
    pass_guards: Annotated[bool, typer.Option(help="Publish whatever the guards say")] = False,
    show_keys: Annotated[bool, typer.Option(help="Name rows that left; personal data")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a model whole now: see what it would change, or let it pass its guards once.

    What it reads counts for MQR. Example: `hightide snapshot subscribers --dry-run`
    """
    loaded, settings = load(config, quiet=True)
    run_once = SnapshotRun(model, dry_run=dry_run, pass_guards=pass_guards)
    with show_progress() as progress:
        found = run_to_end(take_snapshot(loaded, settings, run_once, progress))
    if as_json:
        typer.echo(json.dumps(found.as_json(show_keys=show_keys)))
    else:
        print_snapshot(found, Console(), show_keys=show_keys)
    if found.refusal:
        raise typer.Exit(4)
