"""A real PostgreSQL for a test run: a cluster of its own in a temporary folder, gone at the end."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

PASSWORD = "canary-postgres-4e1d"
# It refuses to run as root. Debian's package makes this user.
ACCOUNT = "postgres"
CURE = "install PostgreSQL (on Debian the package postgresql), or put its programs on PATH"
# A test server may forget everything, and is asked by few.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "listen_addresses": "",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running cluster. It listens on a socket in its folder, so that no port can be taken."""

    folder: Path
    programs: Path

    @property
    def options(self) -> dict[str, Any]:
        """What stands under sources.*.connection, its secrets resolved."""
        return {
            "host": str(self.folder),
            "user": "hightide",
            "dbname": "shop",
            "password": PASSWORD,
        }

    def run(self, *statements: str) -> None:
        """Run statements as the owner, who may do anything; each is committed, and counted."""
        with self.log_in() as connection:
            for statement in statements:
                connection.execute(statement.encode())
            # Else the counts come in when the backend has time for it.
            connection.execute("SELECT pg_stat_force_next_flush()")

    def value(self, statement: str) -> Any:
        """Return the first value of a statement's result."""
        with self.log_in() as connection:
            row = connection.execute(statement.encode()).fetchone()
        return None if row is None else row[0]

    def log_in(self, **changed: object) -> psycopg.Connection[tuple[Any, ...]]:
        """Log in without any code of the worker."""
        options: dict[str, Any] = {**self.options, "user": "owner", **changed}
        return psycopg.connect(**options, autocommit=True)

    async def until(self, condition: str) -> int:
        """Return a backend of ours once one fulfils a condition on pg_stat_activity."""
        return await self.until_value(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'hightide' "
            f"AND {condition} LIMIT 1"
        )

    async def until_value(self, statement: str) -> int:
        """Ask until the answer is neither nothing nor false, and return it."""
        for _ in range(2_000):
            if found := await asyncio.to_thread(self.value, statement):
                return int(found)
        raise AssertionError(f"it never came true: {statement}")

    def start(self) -> None:
        """Start the cluster; returns once it can be asked."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """End the cluster, as a crash would unless another mode is named."""
        self._control("stop", "-m", mode)

    def _control(self, *arguments: str) -> None:
        control = [str(self.programs / "pg_ctl"), "-w", "-D", str(self.folder / "data")]
        _run_as_account([*control, *arguments], self.folder)


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """A cluster with an owner, a user `hightide` who may read, and a database `shop`."""
    programs = find_programs()
    folder = _folder()
    try:
        server = _made(folder, programs)
        server.start()
        try:
            with server.log_in(dbname="postgres") as connection:
                connection.execute("CREATE DATABASE shop")
            server.run(
                f"CREATE ROLE hightide LOGIN PASSWORD '{PASSWORD}'",
                "GRANT pg_read_all_data TO hightide",
            )
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def run_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A cluster that follows another one."""
    folder = _folder()
    where = f"host={primary.folder} user=owner password={PASSWORD}"
    copy = [str(primary.programs / "pg_basebackup"), "-D", str(folder / "data")]
    try:
        _run_as_account([*copy, "-d", where, "-R", "-c", "fast", "--no-sync"], folder)
        standby = PostgresServer(folder, primary.programs)
        standby.start()
        try:
            yield standby
        finally:
            standby.stop()
    finally:
        shutil.rmtree(folder)


def find_programs() -> Path:
    """Return the folder of initdb: on PATH, or where Debian puts it.

    Without one the tests are skipped, with a sentence; in CI they fail.
    """
    places = [Path(folder) for folder in os.get_exec_path()]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists():  # maybe a link to where its companions are
            return (place / "initdb").resolve().parent
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(f"CI needs a real PostgreSQL: {CURE}")
    pytest.skip(f"there is no PostgreSQL on this machine: {CURE}")


def _folder() -> Path:
    # Not pytest's folder: only its owner may enter that, and the server runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="hightide-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT, ACCOUNT)
    return folder


def _made(folder: Path, programs: Path) -> PostgresServer:
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    initdb = [str(programs / "initdb"), "--no-sync", "-D", str(folder / "data"), "-U", "owner"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-instructions"]
    initdb += ["--encoding=UTF8", "--locale=C"]
    _run_as_account(initdb, folder)
    return PostgresServer(folder, programs)


def _run_as_account(command: Sequence[str], folder: Path) -> None:
    account = ACCOUNT if os.geteuid() == 0 else None
    with (folder / "commands").open("ab") as output:
        subprocess.run(
            command,
            check=True,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=60,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL of this run. Shared: a test makes tables of its own."""
    with run_postgres() as server:
        yield server
