"""A poller writes under an epoch above all in the topic, or what it writes would count as late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import FencedError
from tests.fakes_polling import PEOPLE, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.ledger import sql_fingerprint
from worker.rules.watermark import NS


async def start(outside: Outside, path: Path, name: str) -> Process:
    return await Process(outside, path, name=name).start()


async def poll(process: Process) -> list[int]:
    """Poll once and end; return the epochs in the topic, as they stand there."""
    process.outside.clock_ns += NS
    await process.poll.poll_once()
    process.close()
    return process.outside.epochs


def lose_ledger(outside: Outside) -> None:
    """The topic was deleted; a person then said that everything is to be read again."""
    entry = outside.ledger[-1]
    fingerprint = sql_fingerprint(PEOPLE)
    outside.ledger = [
        replace(entry, epoch=1, poller="baseline", watermark=None, fingerprint=fingerprint)
    ]


async def test_after_a_lost_ledger_epochs_go_on_above_the_topics(tmp_path: Path) -> None:
    """Counted from 1 again, every new row would be skipped as a replaced poller's."""
    outside = Outside()
    for number in range(4):
        outside.write(f"v{number}", "a", "b")
        await poll(await start(outside, tmp_path, f"P{number}"))
    lose_ledger(outside)
    outside.write("new", "a", "b")

    epochs = await poll(await start(outside, tmp_path, "after"))

    assert sorted(epochs) == epochs
    assert [5, 5] == epochs[-2:]
    assert "new" in outside.newest()["a"]


async def test_the_next_poller_is_above_it_again(tmp_path: Path) -> None:
    """The ledger knows the higher epoch from its first entry on."""
    outside = Outside()
    for number in range(3):
        outside.write(f"v{number}", "a")
        await poll(await start(outside, tmp_path, f"P{number}"))
    lose_ledger(outside)
    outside.write("new", "a")
    await poll(await start(outside, tmp_path, "after"))
    outside.write("newer", "a")

    assert [1, 2, 3, 4, 5] == await poll(await start(outside, tmp_path, "next"))


@pytest.mark.parametrize("polled_before", [False, True])
async def test_a_topic_that_another_poller_wrote_into_fences(
    tmp_path: Path, *, polled_before: bool
) -> None:
    """Its epoch is above ours because it took over: nobody outranks it, no ledger was lost."""
    outside = Outside()
    outside.write("v1", "a")
    if polled_before:
        await poll(await start(outside, tmp_path, "P"))
    first, second = (await start(outside, tmp_path, "A"), await start(outside, tmp_path, "B"))
    await second.account.outrank([6])  # as one that came after several others
    outside.write("v2", "a")
    await poll(second)

    with pytest.raises(FencedError):
        await first.poll.poll_once()
    first.close()
    assert 7 == outside.epochs[-1]
