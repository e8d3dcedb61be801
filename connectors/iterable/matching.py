"""Who a bulk answer means: names are matched with the rows until they add up to `failCount`.

    rows 5, 7, 9    {"successCount":2,"failCount":1,"notFoundUserIds":["7"]}   all is said
    rows 5, 7, 9    {"successCount":1,"failCount":2,"notFoundUserIds":["7"]}   5 and 9 are open
    rows 5, 7, 7    {"successCount":2,"failCount":1,"notFoundUserIds":["7"]}   one of the 7: open
    rows 5, 7, 7    {"successCount":1,"failCount":2,"notFoundUserIds":["7"]}   both 7 failed
    rows 5, 7, 9    {"successCount":1,"failCount":2,"notFoundUserIds":["7","X"]}
                    who is X? 5 and 9 are open

A row that is open is undetermined, never "delivered".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.records import (
    Delivered,
    Outcome,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Undetermined,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the lists of a bulk answer mean where that depends on object and mode.

    `unexplained` is for who stands in the two deprecated lists only, which hold whoever failed;
    without it they are read as lists of invalid identifiers.
    """

    not_found: Outcome
    invalid_user_id: Outcome
    no_op: Outcome
    unexplained: Outcome | None = None


@dataclass(slots=True)
class _Named:
    """How often an identity stands in the answer, and for what."""

    failures: int = 0
    repeats: int = 0
    no_ops: int = 0
    verdicts: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """The deprecated lists repeat the others: the larger number, not the sum."""
        return max(self.failures, self.repeats)

    @property
    def was_taken(self) -> bool:
        return all(found == Unchanged() for found in self.verdicts)

    def verdict(self, rows: int) -> Outcome:
        """Return what became of each of its rows if all of them are meant."""
        if rows > 1 and any(found != self.verdicts[0] for found in self.verdicts):
            return Undetermined()  # one was a no-op, one failed: which?
        return self.verdicts[-1]


def match(
    answer: Mapping[str, Any], identities: Sequence[str], meaning: Meaning, status: int
) -> list[Outcome]:
    """Return one outcome per identity, in order; never raises.

    The answer's `successCount` and `failCount` are whole numbers.
    """
    counts = answer["successCount"], answer["failCount"]
    everyone = _named(answer, meaning, status)
    if len(identities) == 1 and (alone := _alone(identities[0], counts, everyone, status)):
        return [alone]
    rows = Counter(identities)
    named = {who: found for who, found in everyone.items() if who in rows}
    # A name that is no row's came back altered, or stands in a row's fields: it may be any row.
    known = all(who in rows or found.was_taken for who, found in everyone.items())
    each = known and _adds_up(counts, rows, named, as_a_whole=False)
    # A list may name an identity once, however many of its rows failed.
    whole = known and not each and _adds_up(counts, rows, named, as_a_whole=True)
    verdicts = {
        who: found.verdict(rows[who])
        if whole or found.failed + found.no_ops >= rows[who]
        else Undetermined()
        for who, found in named.items()
    }
    others: Outcome = Delivered() if each or whole else Undetermined()
    return [verdicts.get(who, others) for who in identities]


def _adds_up(
    counts: tuple[int, int],
    rows: Mapping[str, int],
    named: Mapping[str, _Named],
    *,
    as_a_whole: bool,
) -> bool:
    """Say whether the names explain `failCount`, each for a row or each for all its rows."""
    failed = sum(
        rows[who] if as_a_whole and found.failed else min(found.failed, rows[who])
        for who, found in named.items()
    )
    # It is not documented on which side a row that changed nothing is counted. Were it among the
    # failures, so might be another row instead, whom no list names: that leaves the rest open.
    return sum(counts) == sum(rows.values()) and counts[1] == failed


def _alone(
    identity: str, counts: tuple[int, int], everyone: Mapping[str, _Named], status: int
) -> Outcome | None:
    """Return what became of the one row of a call, whomever the answer names, if it is counted.

    An address inside its fields may be the invalid one, or its identifier came back altered.
    """
    if counts not in {(0, 1), (1, 0)}:
        return None
    if identity in everyone:
        return everyone[identity].verdict(1)
    if counts == (1, 0):
        return Delivered()
    reasons = [found.verdict(1) for found in everyone.values() if found.failed]
    if reasons and all(reason == reasons[0] for reason in reasons):
        return reasons[0]
    return Rejected(RejectReason.UNEXPLAINED, status)


def _named(answer: Mapping[str, Any], meaning: Meaning, status: int) -> dict[str, _Named]:
    """Return everyone who stands in a list of the answer."""
    everyone: dict[str, _Named] = {}
    failures = answer.get("failedUpdates")
    for lists, name, verdict in _lists(answer, failures, meaning, status):
        for identifier in _texts(lists.get(name)):
            found = everyone.setdefault(_normal(identifier, name), _Named())
            if lists is failures:
                found.failures += 1
            elif name.startswith("noOp"):
                found.no_ops += 1
            else:
                found.repeats += 1
                if found.failures:
                    continue
            found.verdicts.append(verdict)
    return everyone


def _lists(
    answer: Mapping[str, Any], failures: object, meaning: Meaning, status: int
) -> Iterator[tuple[Mapping[str, Any], str, Outcome]]:
    """Yield every list with what it means for whom it names; of one row the last one counts."""
    invalid: Outcome = Rejected(RejectReason.INVALID_IDENTITY, status)
    yield answer, "noOpEmails", meaning.no_op
    yield answer, "noOpUserIds", meaning.no_op
    if isinstance(failures, dict):
        yield failures, "invalidEmails", invalid
        yield failures, "invalidUserIds", meaning.invalid_user_id
        for reason, verdict in (
            ("notFound", meaning.not_found),
            ("invalidData", Rejected(RejectReason.INVALID_DATA, status)),
            ("conflict", Rejected(RejectReason.CONFLICT, status)),
            ("forgotten", Skipped(SkipReason.FORGOTTEN)),
        ):
            yield failures, f"{reason}Emails", verdict
            yield failures, f"{reason}UserIds", verdict
    yield answer, "invalidEmails", meaning.unexplained or invalid
    yield answer, "invalidUserIds", meaning.unexplained or meaning.invalid_user_id


def _normal(identifier: str, list_name: str) -> str:
    return identifier.strip().lower() if list_name.endswith("mails") else identifier


def _texts(value: object) -> Iterable[str]:
    return (v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
