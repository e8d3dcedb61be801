"""`python -m tests.faults.frozen_at STEP NTH …`: hightide that stops itself at a named step.

As by SIGSTOP: its threads and its calls stand still, and go on with SIGCONT as if nothing were.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace

from tests.faults.killed_at import STEPS, Step, _wrapped
from worker.__main__ import main


def arm(step: Step) -> None:
    """Have the process frozen at the step, once."""
    calls = 0

    def passes(when: str) -> None:
        nonlocal calls
        calls += when == step.when
        if when == step.when and calls == step.nth:
            os.kill(os.getpid(), signal.SIGSTOP)

    original = getattr(step.owner, step.method)
    setattr(step.owner, step.method, _wrapped(original, passes))


if __name__ == "__main__":
    arm(replace(STEPS[sys.argv.pop(1)], nth=int(sys.argv.pop(1))))
    main()
