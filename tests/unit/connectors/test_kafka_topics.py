"""How our topics must be set, and which settings of an existing one are said to be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.kafka.topics import Topic, dead_letter_spec, ledger_spec, misfit, model_spec

DAY_MS = 86_400_000
MODEL = model_spec("model", 6, snapshot=False)
SNAPSHOT = model_spec("model", 6, snapshot=True)


@pytest.mark.parametrize(
    "topic", [MODEL, SNAPSHOT, ledger_spec("ledger"), dead_letter_spec("letters", 6)]
)
def test_a_topic_as_we_create_it_fits(topic: Topic) -> None:
    """Also with everything kept longer, or for ever."""
    longer = {n: "-1" if n == "retention.ms" else str(10**15) for n in _kept(topic)}

    assert misfit(topic, topic.partitions, topic.settings) is None
    assert misfit(topic, topic.partitions, {**topic.settings, **longer}) is None


def test_a_snapshot_model_keeps_delete_records_for_a_week() -> None:
    """A delete record stays beside its tombstone for 7 days, and is compacted on the 8th."""
    assert {
        "min.compaction.lag.ms": 7 * DAY_MS,
        "max.compaction.lag.ms": 8 * DAY_MS,
        "delete.retention.ms": 7 * DAY_MS,
    } == {n: int(v) for n, v in SNAPSHOT.settings.items() if MODEL.settings.get(n) != v}


@pytest.mark.parametrize("name", ["min.compaction.lag.ms", "delete.retention.ms"])
@pytest.mark.parametrize("found", ["0", str(7 * DAY_MS - 1)])
def test_a_snapshot_models_topic_that_forgets_who_left_too_early_is_named(
    name: str, found: str
) -> None:
    """With what it has and what it needs; a model that is followed needs none of that."""
    settings = {**SNAPSHOT.settings, name: found}

    assert f"model has {name}={found}, it needs {7 * DAY_MS} at least" == misfit(
        SNAPSHOT, 6, settings
    )
    assert misfit(MODEL, 6, settings) is None


@pytest.mark.parametrize(
    ("partitions", "change", "sentence"),
    [
        (1, {"cleanup.policy": "compact"}, "cleanup.policy=compact, it must be delete"),
        (1, {"retention.ms": "1"}, f"retention.ms=1, it needs {95 * DAY_MS} at least"),
        (2, {}, "2 partitions, it must have one"),
    ],
)
def test_a_ledger_that_forgets_or_has_no_order_is_named(
    partitions: int, change: dict[str, str], sentence: str
) -> None:
    """Progress and MQR stand in it, in one order."""
    ledger = ledger_spec("ledger")

    assert f"ledger has {sentence}" == misfit(ledger, partitions, {**ledger.settings, **change})


def test_a_setting_the_broker_does_not_tell_is_not_judged() -> None:
    """An older broker, or a stand-in."""
    told = {"cleanup.policy": "compact"}

    assert misfit(replace(SNAPSHOT, partitions=3), 3, told) is None


def _kept(topic: Topic) -> list[str]:
    names = ("retention.ms", "min.compaction.lag.ms", "delete.retention.ms")
    return [name for name in names if name in topic.settings]
