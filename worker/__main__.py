"""`python -m worker` and the command `hightide`."""

from __future__ import annotations

import os
import sys

from worker.cli import main as run


def main() -> None:
    """Run the command line and leave with its exit code.

    Client libraries keep threads that can be stuck in a call to a broker that is gone; everything
    that matters is closed by now, so nobody waits for them.
    """
    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
