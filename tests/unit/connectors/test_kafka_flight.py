"""Records without an ack take no more memory than is set aside for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from connectors.kafka.producer import _Flight


@dataclass(slots=True)
class Acks:
    """Acks of a broker, and which of them were waited for."""

    waited_for: list[int] = field(default_factory=list)

    def future(self, offset: int) -> SimpleNamespace:
        def get(timeout: float) -> SimpleNamespace:
            assert timeout > 0
            self.waited_for.append(offset)
            return SimpleNamespace(partition=0, offset=offset)

        return SimpleNamespace(get=get)


def test_too_many_bytes_wait_for_the_oldest_acks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 20 bytes a third record of 10 waits for the first, a fourth for the second."""
    monkeypatch.setattr("connectors.kafka.producer.MAX_UNACKED_BYTES", 20)
    acks, flight, waited = Acks(), _Flight(), []
    for offset in range(4):
        flight.add(offset, acks.future(offset), 10)
        waited.append(list(acks.waited_for))

    assert [[], [], [0], [0, 1]] == waited
    assert {0: range(4)} == flight.land()
    assert [0, 1, 2, 3] == acks.waited_for
