"""IterableDirectory on the Iterable stand-in: who exists, in one call or in one each."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from connectors.errors import ConfigurationError, RefusedError, RetryableError, ThrottledError
from connectors.iterable.client import IterableClient
from connectors.iterable.directory import IterableDirectory
from connectors.iterable.identity import Match
from tests.closing import closed_after
from tests.iterable_project import Project, run_project

EXPORT = "/api/export/data.json"
BY_EMAIL = "/api/users/getByEmail"

Serve = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    """An e-mail-based project of three profiles, one without a userId."""
    async with run_project("email") as made:
        made.plant(
            {"email": "one@x.com", "userId": "1"},
            {"email": "two+b/c@x.com", "userId": "2 &=#%+/"},
            {"email": "three@x.com"},
        )
        yield made


def directory(project: Project, match: Match = "email") -> IterableDirectory:
    return IterableDirectory(IterableClient(project.url, lambda: project.key), match)


async def exported(port: IterableDirectory) -> list[str]:
    return [identity async for some in port.export() for identity in some]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("email", ["one@x.com", "three@x.com", "two+b/c@x.com"]),
        ("userId", ["1", "2 &=#%+/"]),
    ],
)
async def test_an_export_names_everybody_who_has_such_an_identifier(
    project: Project, match: Match, expected: list[str]
) -> None:
    """In one call, in the form in which rows are matched."""
    async with closed_after(directory(project, match)) as port:
        assert expected == sorted(await exported(port))

    assert [EXPORT] == [call.path for call in project.journal()]


async def test_200_000_identifiers_are_never_in_memory_together(project: Project) -> None:
    """The stream is read a piece at a time."""
    people: list[dict[str, object]] = [{"email": f"p{n}@example.com"} for n in range(200_000)]
    project.plant(*people)
    async with closed_after(directory(project)) as port:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        rows = largest = 0
        async for some in port.export():
            rows, largest = rows + len(some), max(largest, len(some))
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()

    assert 200_003 == rows
    assert largest < 5_000
    assert peak < 20 * 2**20  # the stand-in is in this process, and it lists its profiles


@pytest.mark.parametrize(
    ("match", "identity", "expected"),
    [
        ("email", "one@x.com", True),
        ("email", "two+b/c@x.com", True),
        ("email", "nobody@x.com", False),
        ("userId", "1", True),
        ("userId", "2 &=#%+/", True),
        ("userId", "9", False),
    ],
)
async def test_a_look_up_says_whether_there_is_such_a_profile(
    project: Project,
    match: Match,
    identity: str,
    expected: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Whatever characters the identifier has."""
    async with closed_after(directory(project, match)) as port:
        assert expected is await port.exists(identity)


async def test_an_address_that_iterable_finds_malformed_is_refused(project: Project) -> None:
    """Ours is the wider idea of an address; its row is to be set aside, not to be skipped."""
    async with closed_after(directory(project)) as port:
        with pytest.raises(RefusedError) as raised:
            await port.exists("a..b@x.com")

    assert ("invalid_identity", 400) == (raised.value.reason, raised.value.http_status)


@pytest.mark.parametrize("kind", ["500", "503", "cut_before_apply", "html"])
async def test_a_look_up_without_an_answer_says_nothing(project: Project, kind: str) -> None:
    """Above all not that nobody is there."""
    project.order(kind, endpoint=BY_EMAIL, count=2)  # aiohttp repeats a GET that was cut
    async with closed_after(directory(project)) as port:
        with pytest.raises((RetryableError, ConfigurationError)):
            await port.exists("one@x.com")


@pytest.mark.parametrize("kind", ["429_json", "429_text"])
async def test_a_429_is_told_from_other_failures(project: Project, kind: str) -> None:
    """Of look-ups and of exports."""
    project.order(kind, count=2)
    async with closed_after(directory(project)) as port:
        with pytest.raises(ThrottledError):
            await port.exists("one@x.com")
        with pytest.raises(ThrottledError):
            await exported(port)


@pytest.mark.parametrize("kind", ["500", "cut_before_apply", "html", "redirect"])
async def test_an_export_without_an_answer_says_nothing(project: Project, kind: str) -> None:
    """Nor is a redirect followed."""
    project.order(kind, endpoint=EXPORT, count=2)
    async with closed_after(directory(project)) as port:
        with pytest.raises((RetryableError, ConfigurationError)):
            await exported(port)


async def test_a_refused_key_is_for_a_person_to_cure(project: Project) -> None:
    """One that may not export, too: the sentence says what to check."""
    project.revoke(project.key)
    async with closed_after(directory(project)) as port:
        with pytest.raises(ConfigurationError, match="API key"):
            await exported(port)
        with pytest.raises(ConfigurationError, match="API key"):
            await port.exists("one@x.com")


@asynccontextmanager
async def serving(serve: Serve, status: int = 200) -> AsyncIterator[IterableDirectory]:
    """A server that answers every call as told, and the directory that asks it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await serve(request, response)
        return response

    app = web.Application()
    app.router.add_get("/{any:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with closed_after(IterableDirectory(IterableClient(url, lambda: "k"), "email")) as p:
            yield p
    finally:
        await runner.cleanup()


async def test_a_stream_that_breaks_off_is_an_error_after_what_came() -> None:
    """Between two whole lines, too: the transfer itself has no end."""

    async def serve(request: web.Request, response: web.StreamResponse) -> None:
        await response.write(b'{"email":"a@x.com"}\n' * 100)
        assert request.transport is not None
        request.transport.abort()

    async with serving(serve) as port:
        with pytest.raises(RetryableError):
            await exported(port)


@pytest.mark.parametrize(
    "body",
    [
        b'{"email":"a@x.com"}\n{"email":"b@x',
        b'{"email":"a@x.com"}\n[]\n',
        b"<html>busy</html>",
        b"x" * 200_000,
    ],
)
async def test_what_is_no_export_is_an_error(body: bytes) -> None:
    """Half a line, a page of a proxy, a line without end."""

    async def serve(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(body)

    async with serving(serve) as port:
        with pytest.raises(RetryableError, match="broke off or is no such thing"):
            await exported(port)


async def test_lines_come_whole_however_they_are_cut() -> None:
    """The last one needs no line break; lines without an address name nobody."""

    async def serve(_: web.Request, response: web.StreamResponse) -> None:
        for piece in (b'{"ema', b'il":"A@X.com"}\n\n{"email":', b'null}\n{}\n{"email":"b@x.com"}'):
            await response.write(piece)

    async with serving(serve) as port:
        assert ["a@x.com", "b@x.com"] == await exported(port)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"No user with that id exists!"),
        (404, b'{"code":"error.users.noUserWithIdExists"}'),
        (400, b'{"code":"UnknownEmailError","msg":"No user exists with email a@x.com"}'),
        (409, b'{"code":"ForgottenUserError"}'),
        (200, b"{}"),
        (200, b" { }"),
        (200, b'{"user":{}}'),
        (200, b'{"user":null}'),
    ],
)
async def test_nobody_is_said_in_many_ways(status: int, body: bytes) -> None:
    """Which one is used now is not documented."""

    async def serve(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(body)

    async with serving(serve, status) as port:
        assert not await port.exists("a@x.com")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>busy</html>", RetryableError),
        (200, b"[]", RetryableError),
        (200, b'{"code":"GenericError","msg":"Unable to look"}', RetryableError),
        (200, b'{"user":"a@x.com"}', RetryableError),
        (500, b"No user with that id exists!", RetryableError),
        (404, b"<html>Action not found</html>", ConfigurationError),
        (404, b'{"code":["x"]}', ConfigurationError),
        (403, b'{"code":"Forbidden"}', ConfigurationError),
    ],
)
async def test_what_does_not_say_it_says_nothing(
    status: int, body: bytes, error: type[Exception]
) -> None:
    """And no word of the answer is in the sentence."""

    async def serve(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(body)

    async with serving(serve, status) as port:
        with pytest.raises(error) as raised:
            await port.exists("a@x.com")

    assert "a@x.com" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, b'{"code":"BadParams","msg":"a@x.com"}', "invalid_identity"),
        (400, b'{"code":"InvalidUserIdError","msg":"a@x.com"}', "invalid_identity"),
        (400, b"Bad request: a@x.com", "unexplained"),
        (400, b'{"code":["x"]}', "unexplained"),
        (409, b"", "unexplained"),
        (413, b"<html>", "unexplained"),
        (414, b"<html>URI too long", "unexplained"),
    ],
)
async def test_a_look_up_that_is_refused_is_the_fault_of_its_row(
    status: int, body: bytes, reason: str
) -> None:
    """One identifier was asked about: it must not stop those of all others."""

    async def serve(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(body)

    async with serving(serve, status) as port:
        with pytest.raises(RefusedError) as raised:
            await port.exists("a@x.com")

    assert (reason, status) == (raised.value.reason, raised.value.http_status)
    assert "a@x.com" not in str(raised.value)
