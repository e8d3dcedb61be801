"""The command `hightide`: each command a few lines, the work is done in `operate` and `app`.

Exit codes: 0 done, 1 a mistake of ours, 2 the command or configuration is wrong, 3 something is not
reachable, 4 something refused us or was found wrong and a person must act, 5 another poller took
over.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from connectors.errors import ConnectorError
from connectors.sandbox.process import SandboxError
from worker.cli import look, stand_ins, work
from worker.config.document import ConfigError
from worker.operate.exits import exit_code, print_mistake

app = typer.Typer(
    name="hightide",
    help="Keeps Iterable equal to a Snowflake model, through a Kafka topic you own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for commands in (look.app, work.app, stand_ins.app):
    app.add_typer(commands)


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
