"""Every row of a batch comes back with one verdict, whatever the destination answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import (
    ConfigurationError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.records import (
    Delivered,
    Item,
    Outcome,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Undetermined,
)
from tests.fakes import kind_of, message, versions
from tests.unit.stages.desk import Desk, entries
from worker.rules.batching import Entry
from worker.rules.rate_limit import RatePolicy
from worker.stages.send import Settled


def keep_all(batch: list[Entry]) -> list[Entry]:
    return batch


def never(_rows: int, _accepted: int, _refused: int) -> bool:
    """Split to the end."""
    return False


def batch_of(rows: int, bad: frozenset[int] = frozenset()) -> list[Entry]:
    return entries(
        *(message(f"u{i}", 1, i, kind="bad" if i in bad else "good") for i in range(rows))
    )


def refuse_bad(items: Sequence[Item]) -> Sequence[Outcome]:
    """Refuse the whole batch because of a bad row, without saying which."""
    if any(kind_of(item) == "bad" for item in items):
        raise RefusedError(RejectReason.INVALID_DATA)
    return [Delivered() for _ in items]


def rejected(settled: Sequence[Settled]) -> set[str]:
    return {s.entry.item.identity for s in settled if isinstance(s.outcome, Rejected)}


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 199), max_size=40))
async def test_bisection_finds_exactly_the_bad_rows(bad: set[int]) -> None:
    """However many rows of 200 are bad: they alone are rejected, each row has one verdict."""
    desk = Desk()
    desk.destination.answer = refuse_bad
    settled = await desk.send.settle(batch_of(200, frozenset(bad)), keep_all, never, permitted=True)

    assert {f"u{i}" for i in bad} == rejected(settled)
    assert sorted(f"u{i}" for i in range(200)) == sorted(s.entry.item.identity for s in settled)


@pytest.mark.parametrize("bad", [1, 2, 5, 20, 100])
async def test_bisection_needs_few_calls(bad: int) -> None:
    """Of 1,000 rows k bad ones are found within 2k·log2(1000/k) + 2k + 1 calls."""
    desk = Desk()
    desk.destination.answer = refuse_bad
    rows = frozenset(range(0, 1_000, 1_000 // bad)[:bad])
    settled = await desk.send.settle(batch_of(1_000, rows), keep_all, never, permitted=True)

    assert bad == len(rejected(settled))
    assert len(desk.destination.calls) <= 2 * bad * math.log2(1_000 / bad) + 2 * bad + 1


async def test_named_guilty_rows_leave_at_once() -> None:
    """Where the refusal says which rows are at fault the others need one more call only."""
    desk = Desk()

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        guilty = frozenset(i for i, item in enumerate(items) if kind_of(item) == "bad")
        if guilty:
            raise RefusedError(RejectReason.INVALID_IDENTITY, guilty)
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(
        batch_of(10, frozenset({3, 7})), keep_all, never, permitted=True
    )

    assert {"u3", "u7"} == rejected(settled)
    assert [10, 8] == [len(items) for items in desk.destination.calls]


async def test_undetermined_rows_settle() -> None:
    """Rows the answer is silent about are asked about again, in smaller calls, to the end."""
    desk = Desk()

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        silent = len(items) > 1
        found: list[Outcome] = [Undetermined() for _ in items]
        return [Skipped(SkipReason.ABSENT), *found[1:]] if silent else found

    desk.destination.answer = answer
    settled = await desk.send.settle(batch_of(16), keep_all, never, permitted=True)

    assert 16 == len({s.entry.item.identity for s in settled})
    assert {"u15"} == rejected(settled)
    assert len(desk.destination.calls) <= 2 * 16 - 1


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(1, 12))
async def test_any_answers_end_within_the_bound(data: st.DataObject, rows: int) -> None:
    """Whatever mix of verdicts, silence and refusals comes: 2n - 1 answers settle n rows."""
    desk = Desk()
    choice: list[Outcome] = [Delivered(), Skipped(SkipReason.ABSENT), Undetermined()]
    outcomes = st.sampled_from(choice)

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        match data.draw(st.sampled_from(["rows", "rows", "refused", "large", "guilty"])):
            case "refused":
                raise RefusedError(RejectReason.INVALID_DATA)
            case "large":
                raise TooLargeError("too large")
            case "guilty":
                guilty = data.draw(st.frozensets(st.integers(0, 15), max_size=3))
                raise RefusedError(RejectReason.CONFLICT, guilty)
            case _:
                return [data.draw(outcomes) for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(batch_of(rows), keep_all, never, permitted=True)

    assert sorted(f"u{i}" for i in range(rows)) == sorted(s.entry.item.identity for s in settled)
    assert not any(isinstance(s.outcome, Undetermined) for s in settled)
    assert len(desk.destination.calls) <= 2 * rows - 1


async def test_too_large_batch_is_halved_and_a_single_row_rejected() -> None:
    """413: the halves go out; a row too large alone becomes a dead letter."""
    desk = Desk()

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        if len(items) > 2 or any(kind_of(item) == "bad" for item in items):
            raise TooLargeError("too large")
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(batch_of(8, frozenset({5})), keep_all, never, permitted=True)
    [verdict] = [s.outcome for s in settled if s.entry.item.identity == "u5"]

    assert Rejected(RejectReason.TOO_LARGE, 413) == verdict
    assert {"u5"} == rejected(settled)


async def test_a_passing_failure_sends_the_same_rows_again() -> None:
    """Network, 5xx, 429: the same items in the same order, until there is an answer."""
    desk = Desk()
    failures = [
        RetryableError("network", kind="network"),
        RetryableError("server", kind="server_error"),
        ThrottledError("slow down"),
    ]

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        if failures:
            raise failures.pop(0)
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(batch_of(3), keep_all, never, permitted=True)

    assert [["u01", "u11", "u21"]] * 4 == [versions(items) for items in desk.destination.calls]
    assert 3 == len(settled)
    assert {"network": 1, "server_error": 1, "throttled": 1, "ok": 1} == desk.meter.call_results


async def test_a_configuration_error_stops_and_heals_by_itself() -> None:
    """401: the sync says stopped with the sentence, probes, and runs on once the key is right."""
    desk = Desk()
    wrong = [ConfigurationError("the API key is refused", kind="api_key")] * 3

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        if wrong:
            raise wrong.pop()
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(batch_of(2), keep_all, never, permitted=True)

    assert [("stopped", "the API key is refused"), ("running", "")] == desk.meter.states
    assert [30.0] * 3 == [s for s in desk.clock.slept if s >= 1.0]
    assert 2 == len(settled)


async def test_a_429_pauses_and_halves_the_rate() -> None:
    """After a 429 nothing goes out for the time asked for, then half as fast, then faster again."""
    desk = Desk(rate=RatePolicy(4.0, share=1.0, recovery_seconds=10.0))
    moments: list[float] = []
    first = True

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        nonlocal first
        moments.append(desk.clock.seconds)
        if first:
            first = False
            raise ThrottledError("slow down", retry_after_seconds=7.0)
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    await desk.send.permit()
    await desk.send.settle(batch_of(1), keep_all, never, permitted=True)
    after = desk.send
    await after.permit()

    assert moments[1] - moments[0] >= 7.0
    assert 2.0 == desk.meter.rate_now()
    for _ in range(60):
        await after.permit()
    assert 4.0 == desk.meter.rate_now()


async def test_every_further_call_of_a_batch_asks_for_a_permit() -> None:
    """The first call was permitted by the caller; halves and attempts wait their turn."""
    desk = Desk(rate=RatePolicy(1.0, share=1.0, tolerance_seconds=0.0))
    desk.destination.answer = refuse_bad
    await desk.send.permit()
    started = desk.clock.seconds
    await desk.send.settle(batch_of(8, frozenset({0})), keep_all, never, permitted=True)

    calls = len(desk.destination.calls)
    assert calls > 3
    assert desk.clock.seconds - started == pytest.approx(calls - 1)


async def test_rows_of_a_lost_partition_are_not_sent_again() -> None:
    """Asked after each wait: what stopped being ours while we waited stays unsent."""
    desk = Desk()
    ours = batch_of(4)

    def answer(items: Sequence[Item]) -> Sequence[Outcome]:
        if len(desk.destination.calls) == 1:
            del ours[2:]
            raise RetryableError("network", kind="network")
        return [Delivered() for _ in items]

    desk.destination.answer = answer
    settled = await desk.send.settle(
        list(ours),
        lambda part: [e for e in part if any(e is one for one in ours)],
        never,
        permitted=True,
    )

    assert [4, 2] == [len(items) for items in desk.destination.calls]
    assert ["u0", "u1"] == [s.entry.item.identity for s in settled]


async def test_an_answer_with_too_few_outcomes_is_a_bug() -> None:
    """A destination that forgets a row is never taken for success."""
    desk = Desk()
    desk.destination.answer = lambda _: [Delivered()]

    with pytest.raises(ValueError, match="zip"):
        await desk.send.settle(batch_of(2), keep_all, never, permitted=True)
