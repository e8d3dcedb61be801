"""A stand-in for Iterable: enough of its API, its rules and its moods to test a worker against.

    socket → server → door (key, limit, fault, size) → routes → users / tracking / segments / export
                                                                   ↓ shapes, fields, identity
                                                                 project (profiles, lists, events)

Run it with `python -m connectors.sandbox.iterable`, or use IterableSandbox inside a test.
"""

from __future__ import annotations

from connectors.sandbox.iterable.options import Options, ProjectType, Settings, UnknownUserList
from connectors.sandbox.iterable.server import IterableSandbox

__all__ = ["IterableSandbox", "Options", "ProjectType", "Settings", "UnknownUserList"]
