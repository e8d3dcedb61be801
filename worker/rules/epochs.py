"""Which messages a replaced poller wrote behind its successor's: an old row must not win.

A poller that was frozen while another took over may still have had a page on its way:

    offset 10  key 7  epoch 4  the newest version
    offset 11  key 7  epoch 3  an older one: left out

Nothing is lost by that. The successor finds such keys in the topic and publishes them once more.
"""

from __future__ import annotations

from connectors.records import Message, Partition


class Epochs:
    """The highest epoch seen in each partition since its reading began."""

    def __init__(self) -> None:
        self._highest: dict[Partition, int] = {}

    def begin(self, partition: Partition) -> None:
        """Forget a partition: it is read from an earlier offset now, where epochs were lower."""
        self._highest.pop(partition, None)

    def superseded(self, message: Message) -> bool:
        """Say whether a message before this one in its partition had a higher epoch.

        Messages have to come in the order of their offsets. One that bears no epoch was not
        written by a poller: nothing is said of it.
        """
        epoch = epoch_of(message)
        if epoch is None:
            return False
        if epoch < self._highest.get(message.partition, 0):
            return True
        self._highest[message.partition] = epoch
        return False


def epoch_of(message: Message) -> int | None:
    """Return the epoch in a message's headers, or None."""
    for name, value in message.headers:
        if name == "epoch":
            return int(value) if value.isdigit() else None
    return None
