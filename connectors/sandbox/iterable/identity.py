"""Which profile a row means, by the rules of the project type, and whether it may be written.

email    an unknown e-mail is created; an unknown userId only with preferUserId, then with a
         placeholder e-mail; several profiles may share a userId, then all are written
userid   the userId decides, an unknown one is created; e-mails need not be unique
hybrid   either decides, both are unique, and both together must mean one profile
"""

from __future__ import annotations

import random

from connectors.sandbox.iterable.identifiers import is_email, is_user_id
from connectors.sandbox.iterable.options import ProjectType
from connectors.sandbox.iterable.profiles import Profile, ProfileStore
from connectors.sandbox.iterable.rows import UserRow
from connectors.sandbox.iterable.verdicts import UNNAMED, Failure, Identity


class IdentityRules:
    """Judges rows against the profiles as they stand, and finds or creates what they mean."""

    def __init__(self, kind: ProjectType, store: ProfileStore, dice: random.Random) -> None:
        self._kind = kind
        self._store = store
        self._dice = dice
        self.forgotten_emails: set[str] = set()
        self.forgotten_user_ids: set[str] = set()

    def check(self, row: UserRow, *, may_create: bool = True) -> Failure | None:
        """Why the row cannot be written, or None. Changes nothing."""
        return self._malformed(row) or self._forgotten(row) or self._misplaced(row, may_create)

    def known(self, row: UserRow) -> Failure | None:
        """Why the row names no known user (events, unsubscribe), or None."""
        failure = self._malformed(row) or self._forgotten(row) or self._nameless(row)
        if failure or self.find(row):
            return failure
        return _unknown(row, by_email=row.email is not None and self._kind != ProjectType.USERID)

    def find(self, row: UserRow) -> list[Profile]:
        """The profiles the row means; several only where a userId is shared."""
        if self._kind == ProjectType.USERID:
            return self._store.by_user_id(row.user_id or "")
        found = self._store.by_email(row.email) if row.email is not None else []
        if found or row.user_id is None:
            return found
        if self._kind == ProjectType.EMAIL and row.email is not None:
            return []  # the e-mail decides alone; the userId is only stored
        return self._store.by_user_id(row.user_id)

    def place(self, row: UserRow, now: float) -> list[Profile]:
        """The profiles the row means, created if need be, with their identifiers brought up."""
        found = self.find(row)
        if not found:
            email = row.email
            if email is None and self._kind == ProjectType.EMAIL:
                email = self._placeholder(row.user_id or "")
            found = [self._store.create(email, row.user_id, now)]
        email, user_id = row.email, row.user_id
        if self._kind == ProjectType.EMAIL:
            user_id = row.new_user_id or user_id
        else:
            email = row.new_email or email
        for profile in found:
            self._store.identify(profile, email, user_id)
        return found

    def _malformed(self, row: UserRow) -> Failure | None:
        for email in (row.email, row.new_email):
            if email is not None and not is_email(email):
                return Failure("invalid", "Emails", str(email))
        for user_id in (row.user_id, row.new_user_id):
            if user_id is not None and not is_user_id(user_id):
                return Failure("invalid", "UserIds", str(user_id))
        return None

    def _forgotten(self, row: UserRow) -> Failure | None:
        for email in (row.email, row.new_email) if self.forgotten_emails else ():
            if email is not None and email.lower() in self.forgotten_emails:
                return Failure("forgotten", "Emails", email)
        for user_id in (row.user_id, row.new_user_id) if self.forgotten_user_ids else ():
            if user_id is not None and user_id in self.forgotten_user_ids:
                return Failure("forgotten", "UserIds", user_id)
        return None

    def _nameless(self, row: UserRow) -> Failure | None:
        if row.user_id is not None:
            return None
        if row.email is None:
            return UNNAMED
        if self._kind == ProjectType.USERID:
            return Failure("invalid", "Emails", row.email)  # no identifier in this project
        return None

    def _misplaced(self, row: UserRow, may_create: bool) -> Failure | None:  # noqa: FBT001 - private
        if failure := self._nameless(row):
            return failure
        if self._kind == ProjectType.HYBRID and (failure := self._conflict(row)):
            return failure
        if self.find(row):
            return None
        by_email = row.email is not None and self._kind != ProjectType.USERID
        needs_wish = self._kind == ProjectType.EMAIL and not by_email
        if may_create and (row.prefer_user_id or not needs_wish):
            return None
        return _unknown(row, by_email=by_email)

    def _conflict(self, row: UserRow) -> Failure | None:
        """Both identifiers are unique here, so each may belong to one and the same profile only."""
        means = self.find(row)
        owner = means[0] if means else None
        if row.email is not None and row.user_id is not None:
            if owner and owner.email not in {None, row.email.lower()}:
                return Failure("conflict", "UserIds", row.user_id)
            if owner and owner.user_id not in {None, row.user_id}:
                return Failure("conflict", "Emails", row.email)
            if owner and any(item is not owner for item in self._store.by_user_id(row.user_id)):
                return Failure("conflict", "UserIds", row.user_id)
        if row.new_email is not None:
            others = [item for item in self._store.by_email(row.new_email) if item is not owner]
            if others:
                return Failure("conflict", "Emails", row.new_email)
        return None

    def _placeholder(self, user_id: str) -> str:
        return f"{user_id}+{self._dice.randrange(10**8, 10**9)}@placeholder.email"


def _unknown(row: UserRow, *, by_email: bool) -> Failure:
    identity: Identity = "Emails" if by_email else "UserIds"
    identifier = row.email if by_email else row.user_id
    return Failure("notFound", identity, identifier or "")
