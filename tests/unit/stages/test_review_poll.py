"""A poll that fails in its middle: what was queried counts, and the next poll makes it good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, ConnectorError, RetryableError, TooLargeError
from connectors.ports import Sent
from connectors.records import Change, Survey
from tests.fakes_polling import FakeProducer, FakeSource, Outside
from tests.unit.stages.breaking import BreakingSource
from tests.unit.stages.polling_desk import Process
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

KEYS = tuple("abcdefghij")
DOWN = RetryableError("down", kind="network")
WRONG = ConfigurationError("a value does not fit", kind="unencodable")
LARGE = TooLargeError("a record is larger than Kafka takes")
ONE_WINDOW = WindowPolicy(5.0, 0.0, max_rows=100, commit_rows=100)
DAY_NS = 86_400 * NS


class BreakingProducer(FakeProducer):
    """Sends `sends` times, then raises, as long as there is a `failure`."""

    failure: ConnectorError | None = None
    sends = 0

    async def send(self, topic: str, changes: Sequence[Change], epoch: int) -> Sent:
        if self.failure is not None:
            self.sends -= 1
            if self.sends < 0:
                raise self.failure
        return await super().send(topic, changes, epoch)


class PassingTime(FakeSource):
    """A source on whose clock four days pass whenever somebody looks."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
        self._next_ns = outside.clock_ns

    async def clock_ns(self) -> int:
        now, self._next_ns = self._next_ns, self._next_ns + 4 * DAY_NS
        return now


class Breaking(Process):
    """A process whose source and producer fail on demand; pages have three rows."""

    source: BreakingSource

    def __init__(self, outside: Outside, directory: Path, window: WindowPolicy) -> None:
        super().__init__(outside, directory, window=window, source=BreakingSource(outside, 3))
        self.producer = BreakingProducer(outside)
        self.publish._producer = self.producer


@pytest.fixture
def outside() -> Outside:
    made = Outside()
    made.write("one", *KEYS)
    made.clock_ns += NS
    return made


async def breaking(outside: Outside, path: Path, window: WindowPolicy = ONE_WINDOW) -> Breaking:
    made = Breaking(outside, path, window)
    await made.start()
    return made


def counted(outside: Outside) -> list[bytes]:
    """Return the keys the ledger counts, each as often as it does."""
    keys = [entry.new_keys for entry in outside.ledger]
    return [text[i : i + 16] for text in keys for i in range(0, len(text), 16)]


def check_made_good(outside: Outside) -> None:
    """Every row was published once, every key is counted once, nothing stays reserved."""
    assert list(KEYS) == outside.published()
    assert 10 == len(counted(outside)) == len(set(counted(outside)))
    assert (10, 0) == (outside.ledger[-1].used, outside.ledger[-1].reserved)


async def until(condition: Callable[[], object]) -> None:
    """Wait for the threads that the index works in."""
    for _ in range(5_000):
        if condition():
            return
        await asyncio.sleep(0.001)  # noqa: TID251  # real threads take real time
    raise AssertionError("it never happened")


@pytest.mark.parametrize("failure", [DOWN, WRONG])
async def test_what_was_read_before_a_break_is_committed(
    outside: Outside, tmp_path: Path, failure: ConnectorError
) -> None:
    """Six of ten rows came: the ledger says so and holds the four that may have come unseen."""
    made = await breaking(outside, tmp_path)
    made.source.failure, made.source.pages = failure, 2
    with pytest.raises(type(failure)):
        await made.poll.poll_once()
    last = outside.ledger[-1]
    assert last.watermark is not None
    assert ("commit", 6, 6, 4, "f") == (
        last.kind, last.used, last.rows_read, last.reserved, last.watermark.key
    )  # fmt: skip
    assert "" == last.change_token
    made.source.failure = None

    assert "complete" == await made.poll.poll_once()
    check_made_good(outside)
    made.close()


@pytest.mark.parametrize("failure", [DOWN, WRONG, LARGE])
async def test_a_page_that_could_not_be_sent_counts_too(
    outside: Outside, tmp_path: Path, failure: ConnectorError
) -> None:
    """The second page was queried and not sent: six keys count, the watermark is at the first."""
    made = await breaking(outside, tmp_path)
    made.producer.failure, made.producer.sends = failure, 1
    with pytest.raises(type(failure)):
        await made.poll.poll_once()
    last = outside.ledger[-1]
    assert last.watermark is not None
    assert ("commit", 6, "c") == (last.kind, last.used, last.watermark.key)
    assert ["a", "b", "c"] == outside.published()
    made.producer.failure = None

    assert "complete" == await made.poll.poll_once()
    check_made_good(outside)
    made.close()


async def test_a_first_page_that_could_not_be_sent_counts_without_a_watermark(
    outside: Outside, tmp_path: Path
) -> None:
    """Nothing is in the topic yet, but three keys were queried."""
    made = await breaking(outside, tmp_path)
    made.producer.failure = DOWN
    with pytest.raises(RetryableError):
        await made.poll.poll_once()
    last = outside.ledger[-1]
    assert ("commit", 3, None) == (last.kind, last.used, last.watermark)
    made.producer.failure = None

    assert "complete" == await made.poll.poll_once()
    check_made_good(outside)
    made.close()


async def test_the_failure_is_said_though_the_ledger_is_away_too(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Kafka down the commit fails as well: the first failure is what a person must know."""
    made = await breaking(outside, tmp_path)
    made.source.failure, made.source.pages = WRONG, 1

    async def no_commit(*_: object, **__: object) -> None:
        raise DOWN

    monkeypatch.setattr(made.account, "commit", no_commit)
    with pytest.raises(ConfigurationError, match="a value does not fit"):
        await made.poll.poll_once()
    made.close()


async def test_each_statement_counts_into_the_period_in_which_it_starts(
    outside: Outside, tmp_path: Path
) -> None:
    """Surveyed on the 24th, read on 28 November, 2 and 6 December: 4 keys, then 6."""
    made = await Process(outside, tmp_path, source=PassingTime(outside)).start()
    await made.poll.poll_once()
    made.close()

    assert ["2026-11-01", "2026-12-01", "2026-12-01"] == [
        entry.period for entry in outside.ledger if entry.kind == "reserve"
    ]
    assert {"2026-11-01": 4, "2026-12-01": 6} == {
        entry.period: entry.used for entry in outside.ledger if entry.kind == "commit"
    }


async def test_after_a_failed_forced_poll_the_retry_really_queries(
    outside: Outside, tmp_path: Path
) -> None:
    """The token stands still all the time: only what was done may put the next one off."""
    made = await breaking(outside, tmp_path)
    await made.poll.poll_once()
    made.clock.seconds += 3_600.0
    made.source.failure = DOWN
    with pytest.raises(RetryableError):
        await made.poll.poll_once()
    made.source.failure = None
    before = len(outside.windows)

    assert "complete" == await made.poll.poll_once()
    assert before < len(outside.windows)
    assert "unchanged" == await made.poll.poll_once()
    made.close()


async def test_null_keys_are_looked_for_in_each_poll_that_queries(
    outside: Outside, tmp_path: Path
) -> None:
    """They may come with any build, not only before the first poll."""
    made = await breaking(outside, tmp_path)
    await made.poll.poll_once()
    outside.unusable = Survey(0, null_keys=1)
    assert "unchanged" == await made.poll.poll_once()
    outside.write("two", "a")
    outside.clock_ns += NS
    await made.poll.poll_once()
    made.close()

    assert [0, 1] == [survey.null_keys for survey in made.meter.surveys]
    assert [*KEYS, "a"] == outside.published()


async def test_a_record_that_is_too_large_stops_the_model_and_not_the_process(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said with its sentence and tried again; once the topic takes it the model runs."""
    made = await breaking(outside, tmp_path)
    made.producer.failure = LARGE
    running = asyncio.create_task(made.poll.run())
    await until(lambda: made.meter.states or running.done())
    assert not running.done()
    assert ("stopped", str(LARGE)) == made.meter.states[0]
    assert {"too_large"} == set(made.meter.errors)
    assert {60.0} == set(made.clock.slept)
    note = made.meter.polled

    def noted(model: str, result: str, now: float) -> None:
        note(model, result, now)
        made.clock.stop()  # the next poll would already have its reservation in the ledger

    monkeypatch.setattr(made.meter, "polled", noted)
    made.producer.failure = None
    await running
    made.close()

    check_made_good(outside)
