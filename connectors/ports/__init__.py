"""The seams of the house: everything outside stands behind one of these.

One attempt at one call, a typed result. No port retries, sleeps or loops over failures: that is
the worker's business.

polling      a source, a topic, the ledger
known        what the topic holds: log, index, snapshots
consuming    a consumer group, its dead letters
delivering   a destination, its directory
"""

from __future__ import annotations

from connectors.ports.consuming import (
    Assigned,
    Consumer,
    ConsumerEvent,
    DeadLetters,
    GroupLag,
    Messages,
    Revoked,
)
from connectors.ports.delivering import CallLimits, Destination, Directory, DirectoryLimits
from connectors.ports.known import Index, KnownRow, LoggedRow, ModelLog, SeenRow, Snapshots
from connectors.ports.polling import Ledger, Producer, Schemas, Sent, Source

__all__ = [
    "Assigned",
    "CallLimits",
    "Consumer",
    "ConsumerEvent",
    "DeadLetters",
    "Destination",
    "Directory",
    "DirectoryLimits",
    "GroupLag",
    "Index",
    "KnownRow",
    "Ledger",
    "LoggedRow",
    "Messages",
    "ModelLog",
    "Producer",
    "Revoked",
    "Schemas",
    "SeenRow",
    "Sent",
    "Snapshots",
    "Source",
]
