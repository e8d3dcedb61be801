"""`hightide sandbox …`: one stand-in alone, with the options it takes itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Literal

from connectors.sandbox.process import SandboxError

Part = Literal["iterable", "warehouse", "broker"]


def run_part(part: Part, arguments: Sequence[str]) -> int:
    """Serve until stopped; return the exit code. SandboxError when its packages are missing."""
    try:
        module = import_module(f"connectors.sandbox.{part}.__main__")
    except ModuleNotFoundError as error:
        raise SandboxError(
            f"the sandbox needs the package {error.name}: pip install 'hightide[sandbox]'"
        ) from None
    return int(module.main(list(arguments)) or 0)
