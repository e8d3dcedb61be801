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
        self._newest: dict[Partition, bytes] = {}  # what its last message said, as it stood there

    def begin(self, partition: Partition) -> None:
        """Forget a partition: it is read from an earlier offset now, where epochs were lower."""
        self._highest.pop(partition, None)
        self._newest.pop(partition, None)

    def superseded(self, message: Message) -> bool:
        """Say whether a message before this one in its partition had a higher epoch.

        Messages have to come in the order of their offsets. One that bears no epoch was not
        written by a poller: nothing is said of it.
        """
        text = _text_of(message)
        if text == self._newest.get(message.partition):
            return False  # nearly always: a poller lives for weeks
        epoch = _number(text)
        if epoch is None:
            return False
        if epoch < self._highest.get(message.partition, 0):
            return True
        self._highest[message.partition] = epoch
        self._newest[message.partition] = text
        return False


def _text_of(message: Message) -> bytes:
    for name, value in message.headers:
        if name == "epoch":
            return value
    return b""


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
