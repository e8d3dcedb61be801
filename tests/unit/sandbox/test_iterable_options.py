"""The switches of the sandbox refuse what they cannot mean."""

from __future__ import annotations

import pytest

from connectors.sandbox.iterable import Settings, UnknownUserList


@pytest.mark.parametrize(
    ("sent", "kept"), [("5:20", (5.0, 20.0)), ("5", (5.0, 5.0)), ([1, 2], (1.0, 2.0)), (3, (3, 3))]
)
def test_a_latency_is_a_range_or_a_constant(sent: object, kept: tuple[float, float]) -> None:
    """As text on the command line, as numbers in JSON."""
    settings = Settings()
    settings.turn({"latency_ms": sent, "unknown_user_list": "noOpUserIds"})

    assert kept == settings.latency_ms
    assert settings.unknown_user_list is UnknownUserList.NO_OP


@pytest.mark.parametrize(
    "change",
    [
        {"latency_ms": "20:5"},
        {"limit_scale": 0},
        {"limits_enabled": "no"},
        {"apply_delay_seconds": -1},
        {"unknown_user_list": "lost"},
        {"nonsense": 1},
    ],
)
def test_a_wrong_switch_turns_none(change: dict[str, object]) -> None:
    """The good one beside it stays as it was, too."""
    settings = Settings()
    with pytest.raises((ValueError, TypeError)):
        settings.turn({"legacy_envelope": True, **change})

    assert Settings() == settings
