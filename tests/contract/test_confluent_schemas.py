"""ConfluentSchemas on a real registry (Apicurio's Confluent API), and on one that misbehaves."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import orjson
import pytest
from aiohttp import web

from connectors.errors import ConfigurationError, RetryableError
from connectors.kafka.registry import ConfluentSchemas
from tests.closing import closed_after
from tests.registries import NoRegistryError, run_registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a registry of this module's own."""
    running = run_registry(os.environ, tmp_path_factory.mktemp("registry"))
    try:
        url = running.__enter__()
    except NoRegistryError as error:
        pytest.skip(str(error))
    yield url
    running.__exit__(None, None, None)


@pytest.fixture
async def schemas(registry: str) -> AsyncIterator[ConfluentSchemas]:
    async with closed_after(ConfluentSchemas(registry, None, "")) as port:
        yield port


@pytest.fixture
def subject(topic_prefix: str) -> str:
    """A subject as Kafka's tools look for it."""
    return f"{topic_prefix}hightide.model.contacts-value"


def schema(*columns: str, kind: str = "string") -> str:
    """An Avro schema of optional columns, of a name of its own: ids are shared over subjects."""
    fields = [{"name": c, "type": ["null", kind], "default": None} for c in columns]
    return orjson.dumps({"type": "record", "name": "contacts", "fields": fields}).decode()


async def test_a_schema_is_found_under_its_id(
    registry: str, schemas: ConfluentSchemas, subject: str
) -> None:
    """Also by another process, which never registered it; an unknown id is None."""
    schema_id = await schemas.register(subject, schema("A"))

    async with closed_after(ConfluentSchemas(registry + "/", None, "")) as other:
        found = await other.by_id(schema_id)
        assert found is not None
        assert orjson.loads(found) == orjson.loads(schema("A"))
        assert await other.by_id(2**30) is None


async def test_the_same_text_has_the_same_id(
    registry: str, schemas: ConfluentSchemas, subject: str
) -> None:
    """Registered again, also after a restart, nothing new appears."""
    first = await schemas.register(subject, schema("B"))
    async with closed_after(ConfluentSchemas(registry, None, "")) as other:
        assert await other.register(subject, schema("B")) == first
        assert await other.register(subject, schema("B", "C")) != first

    async with aiohttp.ClientSession() as session:
        async with session.get(f"{registry}/subjects/{subject}/versions") as response:
            assert await response.json(content_type=None) == [1, 2]
        async with session.get(f"{registry}/subjects") as response:
            assert subject in await response.json(content_type=None)


async def test_a_column_that_changes_its_type_is_refused(
    registry: str, schemas: ConfluentSchemas, subject: str
) -> None:
    """The registry judges: a new nullable column passes, another type does not."""
    await schemas.register(subject, schema("D"))
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{registry}/config/{subject}", json={"compatibility": "BACKWARD"}) as response,
    ):
        assert response.status == 200

    await schemas.register(subject, schema("D", "E"))
    with pytest.raises(ConfigurationError, match=f"refuses the new schema of {subject}"):
        await schemas.register(subject, schema("D", "E", kind="boolean"))


async def test_text_that_is_no_schema_is_a_configuration_error(
    schemas: ConfluentSchemas, subject: str
) -> None:
    """Status 422 can't be cured by trying again."""
    with pytest.raises(ConfigurationError, match="answered 422"):
        await schemas.register(subject, "no schema")


async def test_a_path_that_is_no_registry_is_a_configuration_error(
    registry: str, subject: str
) -> None:
    """The URL lacks its path: said, instead of an id that is none."""
    async with closed_after(ConfluentSchemas(registry + "/nowhere", None, "")) as schemas:
        with pytest.raises(ConfigurationError, match=r"check kafka\.schema_registry\.url"):
            await schemas.register(subject, schema("F"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, ConfigurationError),
        (403, ConfigurationError),
        (302, ConfigurationError),
        (200, ConfigurationError),
        (429, RetryableError),
        (500, RetryableError),
        (503, RetryableError),
    ],
)
async def test_an_answer_of_another_kind_is_no_id(status: int, expected: type[Exception]) -> None:
    """HTML with any status: retryable or a person's job; the credentials went along, once."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, text="<html>secret</html>", headers=headers)

    async with (
        _server(answer) as url,
        closed_after(ConfluentSchemas(url, "user", "pass")) as schemas,
    ):
        with pytest.raises(expected) as caught:
            await schemas.register("s", schema("G"))

    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)
    assert seen == ["Basic dXNlcjpwYXNz"]


async def test_a_registry_that_is_not_there_is_retryable() -> None:
    """Found out at once, and the next call may work."""
    began = time.monotonic()
    async with closed_after(ConfluentSchemas("http://127.0.0.1:1", None, "")) as schemas:
        with pytest.raises(RetryableError, match="not reachable"):
            await schemas.register("s", schema("H"))
    assert time.monotonic() - began < 5


class _server:  # noqa: N801  # reads as a verb where it is used
    """A server on a free port with one answer for every call."""

    def __init__(self, answer: object) -> None:
        self._app = web.Application()
        self._app.router.add_route("*", "/{path:.*}", answer)  # type: ignore[arg-type]

    async def __aenter__(self) -> str:
        self._runner = web.AppRunner(self._app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
