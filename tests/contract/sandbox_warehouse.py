"""What the contract tests of the sandbox warehouse share: starting it, logging in, asking it."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snowflake import connector

from connectors.sandbox.process import SandboxProcess

TABLE = "SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
MODEL = f"""SELECT * FROM {TABLE}
WHERE TO_DATE(GITLAB_DOTCOM_CREATED_DATE) > DATEADD(MONTH, -1, GETDATE())
AND GITLAB_DOTCOM_LAST_LOGIN_DATE IS NOT NULL AND GITLAB_DOTCOM_ACTIVE_STATE IS NOT NULL
AND NAMESPACES_ARRAY IS NOT NULL -- the user's own query, unmodified"""
KEYSET = f"""SELECT m.*,
    TO_VARCHAR(CONVERT_TIMEZONE('UTC', m.LAST_CHANGED), 'YYYY-MM-DD HH24:MI:SS.FF9') AS _WM
FROM (
{MODEL}
) m
WHERE m.LAST_CHANGED >= CAST(? AS TIMESTAMP_TZ(9))
  AND (m.LAST_CHANGED > CAST(? AS TIMESTAMP_TZ(9)) OR m.DIM_MARKETING_CONTACT_ID > ?)
  AND m.LAST_CHANGED < CAST(? AS TIMESTAMP_TZ(9))
ORDER BY m.LAST_CHANGED, m.DIM_MARKETING_CONTACT_ID LIMIT 300"""
TOKEN = f"SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('{TABLE}')"
PASSWORD = "right"
CHUNK_ROWS = 400
Connect = Callable[..., Any]


class Warehouse:
    """The running sandbox and its admin routes."""

    def __init__(self, process: SandboxProcess) -> None:
        self.process = process
        self.port = int(process.ready["port"])

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.process.ready['url']}/_sandbox/{path}", data)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            content: dict[str, Any] = json.loads(answer.read())
            return content


def start(folder: Path, *arguments: str) -> Warehouse:
    options = ["--folder", str(folder / "databases"), "--password", PASSWORD, *arguments]
    return Warehouse(SandboxProcess.start("warehouse", options, folder))


def log_in(sandbox: Warehouse, **options: Any) -> Any:
    return connector.connect(**{
        "user": "hightide",
        "password": PASSWORD,
        "account": "sandbox",
        "host": "127.0.0.1",
        "port": sandbox.port,
        "protocol": "http",
        "database": "PREP",
        "schema": "SENSITIVE",
        "paramstyle": "qmark",
        "use_proxy_env": False,
        "enable_server_session_keep_alive_auto_detection": False,
        "session_parameters": {"TIMEZONE": "UTC"},
        **options,
    })  # fmt: skip


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Warehouse]:
    """A warehouse with 3,000 rows, stopped at the end."""
    started = start(folder, "--chunk-rows", str(CHUNK_ROWS), "--rows", "3000", "--seed", "7")
    try:
        yield started
    finally:
        started.process.stop()


@contextlib.contextmanager
def connections(sandbox: Warehouse) -> Iterator[Connect]:
    """Opens connections that are all closed at the end."""
    with contextlib.ExitStack() as opened:

        def open_one(**options: Any) -> Any:
            connection = log_in(sandbox, **options)
            opened.callback(connection.close)
            return connection

        yield open_one


def first_row(cursor: Any, sql: str, *values: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = cursor.execute(sql, values or None).fetchone()
    return row
