"""Fills and changes the sandbox's marketing table the way the user's dbt project does.

Every value is drawn by hashing (seed, row, purpose), so a seed always gives the same people, and
DuckDB makes millions of them without a loop in Python.

      seed      -> the first build: every row shares one LAST_CHANGED
      build     -> a daily build: CREATE OR REPLACE, few real changes, many false ones
      trickle   -> in-place updates, for a table that is not rebuilt
"""

from __future__ import annotations

from connectors.sandbox.seed.build import BuildShares, build
from connectors.sandbox.seed.fill import seed
from connectors.sandbox.seed.report import SeedReport
from connectors.sandbox.seed.trickle import trickle

__all__ = ["BuildShares", "SeedReport", "build", "seed", "trickle"]
