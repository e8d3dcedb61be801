"""`python -m tests.sabotage`: says of each promise whether a test notices when it is broken."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from tests.sabotage.mutation import Mutation
from tests.sabotage.mutations import MUTATIONS
from tests.sabotage.tree import copied_tree
from tests.sabotage.trial import ControlError, Trial, red_anyway, run_sabotaged, try_out

_STYLES = {"red": "green", "GREEN": "bold red", "broken": "bold yellow"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try out the chosen mutations and print what came of it; 1 unless all of them are red."""
    parser = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    names = [mutation.name for mutation in MUTATIONS]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help="this one; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args(arguments)
    chosen = [m for m in MUTATIONS if not options.only or m.name in options.only]
    # Whatever asks us to end, the copy and the tests that run in it end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        trials = list(_trials(chosen))
    except ControlError as error:
        Console(stderr=True).print(str(error), markup=False)
        return 2
    except KeyboardInterrupt:
        return 130
    _print_json(trials) if options.json else _print_table(trials, Console())
    return int(any(trial.verdict != "red" for trial in trials))


def _trials(chosen: Sequence[Mutation]) -> Iterator[Trial]:
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with copied_tree() as root, Progress(*bars, console=Console(stderr=True)) as progress:
        bar = progress.add_task("without any mutation", total=len(chosen))
        red = red_anyway(root, sorted({test for m in chosen for test in m.tests}))
        for mutation in chosen:
            progress.update(bar, description=mutation.name)
            if spoilt := sorted(
                red.intersection(name.partition("[")[0] for name in mutation.tests)
            ):
                yield Trial(mutation, "broken", 0.0, f"{spoilt[0]}, also without the mutation")
            else:
                yield try_out(mutation, root, run_sabotaged)
            progress.advance(bar)


def _print_json(trials: Sequence[Trial]) -> None:
    for trial in trials:
        line = {
            "name": trial.mutation.name,
            "promise": trial.mutation.promise,
            "verdict": trial.verdict,
            "seconds": round(trial.seconds, 1),
            "noticed_by": trial.noticed_by,
        }
        sys.stdout.write(json.dumps(line) + "\n")


def _print_table(trials: Sequence[Trial], console: Console) -> None:
    table = Table("sabotage", "tests", "seconds", "noticed by", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for trial in trials:
        word = f"[{_STYLES[trial.verdict]}]{trial.verdict}[/]"
        noticed_by = trial.noticed_by.rpartition("::")[2]
        table.add_row(trial.mutation.name, word, f"{trial.seconds:.1f}", noticed_by)
    console.print(table)
    red = sum(trial.verdict == "red" for trial in trials)
    console.print(f"{red} of {len(trials)} mutations were noticed")


if __name__ == "__main__":
    sys.exit(main())
