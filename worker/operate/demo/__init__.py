"""`hightide demo`: the real path on stand-ins, and a verdict on every profile."""

from __future__ import annotations

from worker.operate.demo.play import demo
from worker.operate.demo.report import Plan, Report

__all__ = ["Plan", "Report", "demo"]
