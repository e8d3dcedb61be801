"""The verdict on each row of a bulk call, and the envelope they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from connectors.sandbox.iterable.calls import Answer, JsonObject
from connectors.sandbox.iterable.options import UnknownUserList

Reason = Literal["invalid", "notFound", "invalidData", "conflict", "forgotten", "unnamed"]
Identity = Literal["Emails", "UserIds"]

USER_REASONS = ("invalid", "notFound", "invalidData", "conflict", "forgotten")
EVENT_REASONS = ("invalid", "notFound", "forgotten")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row was not applied. The identifier is as it was sent, case and all."""

    reason: Reason
    identity: Identity
    identifier: str


# A row with no identifier at all: counted as failed, but no list can name it.
UNNAMED = Failure("unnamed", "Emails", "")


@dataclass(slots=True)
class Tally:
    """The verdicts of one call. `unknown` says where unknown users are put."""

    unknown: UnknownUserList = UnknownUserList.NOT_FOUND
    successes: int = 0
    failures: int = 0
    lists: dict[str, list[str]] = field(default_factory=dict)
    disallowed_events: dict[str, None] = field(default_factory=dict)

    def succeed(self) -> None:
        self.successes += 1

    def fail(self, failure: Failure) -> None:
        """Count a row that was not applied. A no-op is listed, but it is no failure."""
        reason: str = failure.reason
        if reason == "notFound":
            reason = self.unknown.removesuffix("UserIds")
        if reason == "noOp":
            self.successes += 1
        else:
            self.failures += 1
        if reason != "unnamed":
            self.lists.setdefault(reason + failure.identity, []).append(failure.identifier)

    def disallow(self, event_name: str) -> None:
        """Count an event whose name is switched off; the name is listed once."""
        self.failures += 1
        self.disallowed_events[event_name] = None

    def users_answer(
        self, created: Iterable[str], filtered: Iterable[str], *, legacy: bool
    ) -> Answer:
        """The answer of users/bulkUpdate, lists/subscribe and lists/unsubscribe."""
        body = self._counts(USER_REASONS)
        if not legacy:
            body["filteredOutFields"] = list(filtered)
            body["createdFields"] = list(created)
            body["noOpEmails"] = self.lists.get("noOpEmails", [])
            body["noOpUserIds"] = self.lists.get("noOpUserIds", [])
            body["failedUpdates"] = self._failed(USER_REASONS)
        return Answer.json(body)

    def events_answer(
        self, created: Iterable[str], filtered: Iterable[str], *, legacy: bool
    ) -> Answer:
        """The answer of events/trackBulk."""
        body = self._counts(EVENT_REASONS)
        if not legacy:
            body["disallowedEventNames"] = list(self.disallowed_events)
            body["filteredOutFields"] = list(filtered)
            body["createdFields"] = list(created)
            body["failedUpdates"] = self._failed(EVENT_REASONS)
        return Answer.json(body)

    def _counts(self, reasons: Iterable[str]) -> JsonObject:
        # The two deprecated arrays hold every identifier that failed, whatever the reason.
        emails = [found for why in reasons for found in self.lists.get(f"{why}Emails", ())]
        user_ids = [found for why in reasons for found in self.lists.get(f"{why}UserIds", ())]
        return {
            "successCount": self.successes,
            "failCount": self.failures,
            "invalidEmails": emails,
            "invalidUserIds": user_ids,
        }

    def _failed(self, reasons: Iterable[str]) -> JsonObject:
        names = [why + identity for why in reasons for identity in ("Emails", "UserIds")]
        return {name: self.lists.get(name, []) for name in names}
