"""What a test needs and a machine may lack: a loud skip for a person, a failure in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def demand(there: object, sentence: str) -> None:
    """Return when it is there; otherwise skip with the sentence, and in CI fail with it."""
    if there:
        return
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(f"CI must prove this: {sentence}", pytrace=False)
    pytest.skip(f"UNPROVED here: {sentence}")


def command(*names: str) -> str | None:
    """Return the path of the first of these commands that this machine has."""
    return next((path for name in names if (path := shutil.which(name))), None)
