"""A row that no topic takes is set aside with its reason, and the poll goes on without it."""

from __future__ import annotations

import random

import pytest

from tests.integration.installation import MODEL, SYNC, Installation
from tests.integration.people import OTHER_SYNC, People, sample
from tests.topics import create_topic
from tests.warehouse_login import KEY
from worker.app.run import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

LIMIT_BYTES = 100_000
ROWS, LARGE = 60, 3


@pytest.fixture(params=["changes", "snapshot"])
def people(installation: Installation, request: pytest.FixtureRequest) -> People:
    """Three of sixty rows are larger than the topic takes, however the model is read."""
    made = People(installation, ROWS)
    made.changes.append(lambda c: c["models"][MODEL].update(read=request.param))
    limit = {"cleanup.policy": "compact", "max.message.bytes": str(LIMIT_BYTES)}
    create_topic(installation.bootstrap, made.parts().names.model(MODEL), 2, limit)
    for number, key in enumerate(_large(made)):
        _enlarge(made, key, number)
    return made


async def test_it_stands_in_the_dead_letters_of_each_sync(people: People) -> None:
    """Its key, reason and stage, without the value that is too large for this topic too."""
    large = _large(people)

    await people.poll()

    assert set(people.keys()) - set(large) == {r.key.decode() for r in people.topic()}
    for sync in (SYNC, OTHER_SYNC):
        letters = people.letters(sync)
        assert large == sorted(letter.key.decode() for letter in letters)
        for letter in letters:
            said = {
                name.removeprefix("hightide.dead-letter."): value for name, value in letter.headers
            }
            assert letter.value is None
            assert (b"too_large", b"publish") == (said["reason"], said["stage"])
            assert people.parts().names.model(MODEL).encode() == said["topic"]


async def test_every_row_is_accounted_for(people: People) -> None:
    """Read = published + unchanged + too large, and all of them were queried."""
    worker = await people.poll()

    assert (ROWS - LARGE, 0, LARGE) == _results(worker)
    assert ROWS == worker.meter.counts["rows_read"]
    assert sample(worker, "hightide_mqr_used_records") == ROWS
    assert sample(worker, "hightide_polls_total", model=MODEL, result="complete") == 1


async def test_the_next_poll_does_not_repeat_it(people: People) -> None:
    """A worker that starts anew reads the row again, and knows it."""
    await people.poll()
    before = len(people.topic())

    worker = await people.poll()

    assert (0, ROWS, 0) == _results(worker)
    assert (before, LARGE) == (len(people.topic()), len(people.letters(SYNC)))


async def test_a_row_that_became_small_is_published(people: People) -> None:
    """It changed: nothing of before is in its way."""
    await people.poll()
    [first, *_] = _large(people)
    people.execute(f"UPDATE {people.table} SET COMPANY_NAME = 'small' WHERE {KEY} = '{first}'")
    people.touch(f"{KEY} = '{first}'")

    worker = await people.poll()

    assert (1, ROWS - 1, 0) == _results(worker)
    assert first in {r.key.decode() for r in people.topic()}
    assert len(people.letters(SYNC)) == LARGE


async def test_a_row_that_stays_too_large_is_set_aside_once_for_each_version(
    people: People,
) -> None:
    """Its next version is another row."""
    await people.poll()
    [first, *_] = _large(people)
    _enlarge(people, first, 99)
    people.touch(f"{KEY} = '{first}'")

    worker = await people.poll()

    assert (0, ROWS - 1, 1) == _results(worker)
    assert len(people.letters(SYNC)) == LARGE + 1


def _large(people: People) -> list[str]:
    """The first, one in the middle, the last."""
    keys = people.keys()
    return [keys[0], keys[ROWS // 2], keys[-1]]


def _enlarge(people: People, key: str, seed: int) -> None:
    noise = random.Random(seed).randbytes(LIMIT_BYTES).hex()  # compresses to half of it at best
    people.execute(
        f"UPDATE {people.table} SET COMPANY_NAME = %s WHERE {KEY} = %s", noise + noise[::-1], key
    )


def _results(worker: Worker) -> tuple[float, float, float]:
    published, unchanged, too_large = (
        sample(worker, "hightide_source_rows_total", model=MODEL, result=result)
        for result in ("published", "unchanged", "too_large")
    )
    return published, unchanged, too_large
