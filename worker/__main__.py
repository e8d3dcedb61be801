"""`python -m worker` and the command `hightide`."""

from __future__ import annotations

import os
import signal
import sys

# As process 1 of a container a SIGTERM without a handler is ignored, and the imports below take a
# second. The worker, which has something to drain, sets a handler of its own; whatever else is
# ended this way has not done what it was told.
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))

from worker.memory import give_memory_back  # noqa: E402  # after the handler

give_memory_back()

from worker.cli import main as run  # noqa: E402  # its imports start threads


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
