"""The bodies of Snowflake's protocol: reading what clients send, wording what they get back."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from connectors.sandbox.warehouse.errors import StatementError
from connectors.sandbox.warehouse.results import Result
from connectors.sandbox.warehouse.sessions import Session, Tokens

SESSION_SECONDS = 3_600
MASTER_SECONDS = 14_400
_VERSION = "10.0.0"  # connectors refuse servers they think too old


async def read_json(request: Request) -> dict[str, Any]:
    """The body, unpacked."""
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    content: dict[str, Any] = orjson.loads(body) if body else {}
    return content


def token_of(request: Request) -> str:
    """The token in `Authorization: Snowflake Token="..."`."""
    return request.headers.get("authorization", "").partition('"')[2].rstrip('"')


def success(data: Any = None) -> Response:
    return _json({"data": data, "code": None, "message": None, "success": True})


def failure(code: str, message: str, data: Any = None) -> Response:
    """Snowflake's way to refuse: HTTP 200, and the reason in the body."""
    return _json({"data": data, "code": code, "message": message, "success": False})


def statement_failure(error: StatementError, query_id: str) -> Response:
    data = {"errorCode": error.code, "sqlState": error.sqlstate, "queryId": query_id}
    return failure(error.code, error.message, data)


def login(session: Session, tokens: Tokens, asked: dict[str, str | None]) -> Response:
    connection = session.connection
    parameters = {
        "AUTOCOMMIT": connection._autocommit,  # noqa: SLF001 (the public one only sets it)
        "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3_600,
        # 0 = bound arrays come inline; fakesnow cannot take them from a stage.
        "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
        "TIMEZONE": "Etc/UTC",
    }
    return success(
        {
            "token": tokens.session,
            "masterToken": tokens.master,
            "validityInSeconds": SESSION_SECONDS,
            "masterValidityInSeconds": MASTER_SECONDS,
            "sessionId": session.number,
            "displayUserName": "SANDBOX",
            "firstLogin": False,
            "serverVersion": _VERSION,
            "parameters": _named(parameters),
            "sessionInfo": {
                "databaseName": connection.database,
                "schemaName": connection.schema,
                "warehouseName": asked["warehouse"],
                "roleName": asked["role"],
            },
        }
    )


def renewed(session: Session, token: str, master: str) -> Response:
    return success(
        {
            "sessionToken": token,
            "masterToken": master,
            "sessionId": session.number,
            "validityInSecondsST": SESSION_SECONDS,
            "validityInSecondsMT": MASTER_SECONDS,
        }
    )


def query_answer(result: Result, chunk_rows: int, chunk_address: str) -> Response:
    """The first rows inline, the rest as addresses to download."""
    data: dict[str, Any] = {
        "parameters": _named({"TIMEZONE": "Etc/UTC"}),
        "rowtype": result.rowtype,
        "total": result.row_count,
        "returned": result.row_count,
        "queryId": result.query_id,
        "statementTypeId": result.statement_type,
        "finalDatabaseName": result.database,
        "finalSchemaName": result.schema,
    }
    if result.counts is not None:
        return success(data | {"queryResultFormat": "json", "rowset": result.counts})
    inline = base64.b64encode(result.arrow(0, chunk_rows)).decode()
    data |= {"queryResultFormat": "arrow", "rowsetBase64": inline}
    if result.row_count > chunk_rows:
        data |= {"chunks": _chunks(result, chunk_rows, chunk_address), "chunkHeaders": {}}
    return success(data)


def _chunks(result: Result, chunk_rows: int, address: str) -> list[dict[str, Any]]:
    chunks = []
    for offset in range(chunk_rows, result.row_count, chunk_rows):
        size = result.arrow_bytes(offset, chunk_rows)
        chunks.append(
            {
                "url": f"{address}/{result.query_id}/{offset}/{chunk_rows}",
                "rowCount": min(chunk_rows, result.row_count - offset),
                "uncompressedSize": size,
                # A guess: chunks are compressed only when they are downloaded.
                "compressedSize": max(1, size // 5),
            }
        )
    return chunks


def _named(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in parameters.items()]


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
