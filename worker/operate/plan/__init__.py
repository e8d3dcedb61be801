"""`hightide plan`: what a sync would do with the newest rows of its topic. It only looks.

sample.py                        ⇒ judge.py             ⇒ report.py
the newest records of the topic    as deliver does it,     as JSON, as a person reads it
trial.py: each field alone   masking.py: no value
calls.py: how many calls
"""

from __future__ import annotations

from worker.operate.plan.plan import plan
from worker.operate.plan.report import Plan, print_plan

__all__ = ["Plan", "plan", "print_plan"]
