"""Who is logged in: a session is one fakesnow connection that runs one statement at a time."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from dataclasses import dataclass, field

from connectors.sandbox.warehouse.change_tokens import TableName
from connectors.sandbox.warehouse.fakesnow_cured import FakeSnow, FakeSnowflakeConnection


@dataclass(slots=True)
class Session:
    """One login. `lock` is held while a statement runs: two at once would mix up their results."""

    number: int
    connection: FakeSnowflakeConnection
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    canceled: asyncio.Event = field(default_factory=asyncio.Event)
    in_transaction: bool = False
    uncommitted: set[TableName] = field(default_factory=set)

    def cancel(self) -> None:
        """Make the running statement, if any, fail with 'SQL execution canceled'."""
        if self.lock.locked():
            self.canceled.set()
            self.connection._duck_conn.interrupt()  # noqa: SLF001 (fakesnow has no way to cancel)


@dataclass(frozen=True, slots=True)
class Tokens:
    session: str
    master: str


class Sessions:
    """Session tokens end, master tokens give new ones, and both lead to the same session."""

    def __init__(self, snow: FakeSnow) -> None:
        self._snow = snow
        self._numbers = itertools.count(1)
        self._by_token: dict[str, Session] = {}
        self._by_master: dict[str, Session] = {}
        # Two first logins would both create the database.
        self._login_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_master)

    def open(
        self, database: str | None, schema: str | None, *, autocommit: bool
    ) -> tuple[Session, Tokens]:
        """Log in. A database or schema that is missing is created, as fakesnow does."""
        with self._login_lock:
            connection = self._snow.connect(
                database,
                schema,
                autocommit=autocommit,
                # Parameters of a session change nothing here; fakesnow refuses to set them.
                nop_regexes=[r"\s*ALTER\s+SESSION\s+(UN)?SET\s+(?!AUTOCOMMIT)"],
            )
        session = Session(next(self._numbers), connection)
        tokens = Tokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        self._by_token[tokens.session] = session
        self._by_master[tokens.master] = session
        return session, tokens

    def find(self, token: str) -> Session | None:
        return self._by_token.get(token)

    def expire(self, token: str) -> None:
        """End a session token; its master token still gives a new one."""
        self._by_token.pop(token, None)

    def renew(self, master: str) -> tuple[Session, str] | None:
        """A new session token for the same session, None for an unknown master token."""
        session = self._by_master.get(master)
        if session is None:
            return None
        token = secrets.token_urlsafe(32)
        self._by_token[token] = session
        return session, token

    def expire_master(self, master: str) -> None:
        """End a login for good: its tokens are worth nothing any more."""
        self._end(self._by_master.get(master))

    def close(self, token: str) -> None:
        """Log out; what was not committed is lost."""
        self._end(self._by_token.get(token))

    def _end(self, session: Session | None) -> None:
        if session is None:
            return
        for tokens in (self._by_token, self._by_master):
            for token in [token for token, owner in tokens.items() if owner is session]:
                del tokens[token]
        session.cancel()
        session.connection.close()
