"""IterableClient against a server that answers anything: bounded, never led astray, key kept."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from connectors.errors import RetryableError
from connectors.iterable import client as module
from connectors.iterable.client import IterableClient

KEY = "secret-key-of-the-project"
PATH = "/api/lists"
Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(talk: Talk) -> AsyncIterator[IterableClient]:
    """A client, and its server: `talk` is handed each request and writes what it likes."""
    open_calls: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_calls.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"POST"):
                    await reader.readuntil(b"{}")
                await talk(head, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, or we have
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = IterableClient(f"http://{host}:{port}", lambda: KEY)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        for task in open_calls:
            task.cancel()
        await asyncio.gather(*open_calls, return_exceptions=True)


def answers(*texts: bytes) -> Talk:
    """One answer for each request, in order; the last one again and again."""
    waiting = list(texts)

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
        text = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        writer.write(text)
        if not text.startswith(b"HTTP/1.1 200 OK\r\nContent-Length"):
            await writer.drain()
            writer.close()

    return talk


def ok(body: bytes, *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{lines}\r\n".encode() + body


async def test_a_bomb_is_not_unpacked() -> None:
    """What is read is counted after unpacking: 200 MB of zeros come as 200 KB."""
    bomb = gzip.compress(bytes(200_000_000))
    async with served(answers(ok(bomb, "Content-Encoding: gzip"))) as client:
        tracemalloc.start()
        try:
            reply = await client.get(PATH)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert (200, b"") == (reply.status, reply.body)
    assert peak < 4 * module.MAX_REPLY_BYTES


@pytest.mark.parametrize("size", [99, 100, 101, 100_000])
async def test_a_body_is_whole_or_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a body could be mistaken for a short one; the status still counts."""
    monkeypatch.setattr(module, "MAX_REPLY_BYTES", 100)
    async with served(answers(ok(b"x" * size))) as client:
        reply = await client.get(PATH)

    assert (b"x" * size if size <= 100 else b"") == reply.body


async def test_a_packed_answer_is_read() -> None:
    """As a proxy may pack it, asked or not."""
    async with served(answers(ok(gzip.compress(b'{"a":1}'), "Content-Encoding: gzip"))) as client:
        assert b'{"a":1}' == (await client.get(PATH)).body


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\nnot packed",
        b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf",
        bytes(range(256)) * 10,
    ],
    ids=range(15),
)
async def test_what_is_no_complete_answer_is_retryable(text: bytes) -> None:
    """Whatever comes; the sentence holds none of it, and not the key."""
    async with served(answers(text)) as client:
        for body in (None, b"{}"):
            with pytest.raises(RetryableError) as caught:
                await (client.get(PATH) if body is None else client.post(PATH, body))

            assert "network" == caught.value.kind
            # Its request, with every header, hangs on the error that aiohttp raised.
            assert None is caught.value.__context__
            assert KEY not in str(caught.value)


async def test_a_body_shorter_than_announced_is_no_answer() -> None:
    """The connection closed before the end."""

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b'{"a":1}', length=50))
        writer.close()

    async with served(talk) as client:
        with pytest.raises(RetryableError):
            await client.post(PATH, b"{}")


async def test_what_comes_after_the_body_is_not_the_next_answer() -> None:
    """A length that is too short: the rest must not be taken for the answer to another call."""
    forged = ok(b"forged")
    async with served(answers(ok(b"one" + forged, length=3), ok(b"two"))) as client:
        assert b"one" == (await client.get(PATH)).body
        assert b"forged" != (await client.post(PATH, b"{}")).body


async def test_a_trickle_ends_with_the_time_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte in time, and never the last one."""
    monkeypatch.setattr(module, "TIMEOUT", aiohttp.ClientTimeout(total=0.5, sock_read=0.4))
    gone = asyncio.Event()

    async def trickle(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"", length=1_000))
        while not gone.is_set():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), 0.02)

    async with served(trickle) as client:
        began = time.monotonic()
        with pytest.raises(RetryableError, match="did not answer in time"):
            await client.get(PATH)
        gone.set()

    assert time.monotonic() - began < 5


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key would go through it; a proxy that is wanted is the base_url."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with served(answers(ok(b"here"))) as client:
        assert b"here" == (await client.get(PATH)).body


async def test_nothing_of_an_answer_goes_into_the_next_call() -> None:
    """No cookie comes back."""
    heads: list[bytes] = []

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(ok(b"", "Set-Cookie: a=b; Path=/"))

    async with served(talk) as client:
        await client.get(PATH)
        await client.get(PATH)

    assert 2 == len(heads)
    assert b"cookie" not in heads[1].lower()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0a1b2c3d-1111-2222-3333-444455556666", "0a1b2c3d-1111-2222-3333-444455556666"),
        ("", None),
        ("ann@example.com", None),
        ("x" * 65, None),
        ("a b", None),
    ],
)
async def test_the_id_of_a_call_is_handed_on_if_it_is_one(value: str, expected: str | None) -> None:
    """It may be logged: a short token, and nothing else."""
    async with served(answers(ok(b"{}", f"Iterable-Request-Id: {value}"))) as client:
        assert expected == (await client.get(PATH)).request_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("1e9", 600.0), ("nan", 0.0), ("soon", None)],
)
async def test_the_wait_asked_for_is_bounded(value: str, expected: float | None) -> None:
    """From nothing to ten minutes."""
    async with served(answers(ok(b"{}", f"Retry-After: {value}"))) as client:
        assert expected == (await client.get(PATH)).retry_after_seconds


async def test_look_ups_leave_room_for_a_bulk_call() -> None:
    """As many as ask at once: a bulk call finds a connection while they all wait."""
    held = asyncio.Event()
    asked = 0

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        if head.startswith(b"GET"):
            asked += 1
            await held.wait()
        writer.write(ok(b"{}"))

    async with served(talk) as client:
        reads = [asyncio.create_task(client.get(PATH)) for _ in range(200)]
        bulk = await asyncio.wait_for(client.post(PATH, b"{}"), 5)
        assert (200, True) == (bulk.status, asked <= module.MAX_READS)
        held.set()
        replies = await asyncio.gather(*reads)

    assert [200] * 200 == [reply.status for reply in replies]


@pytest.mark.parametrize("place", ["http://ann:secret@127.0.0.1:1", "http://127.0.0.1:1/secret/"])
async def test_an_error_shows_scheme_and_host_and_no_more_of_the_address(place: str) -> None:
    """A user's name and password may stand in it."""
    client = IterableClient(place, lambda: KEY)
    with pytest.raises(RetryableError, match=r"Iterable at http://127\.0\.0\.1:1 is") as raised:
        await client.get(PATH)
    await client.close()

    assert "secret" not in str(raised.value)
