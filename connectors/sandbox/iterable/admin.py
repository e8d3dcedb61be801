"""The routes under `/_sandbox/`: no key, no limit, no journal. For tests, demos and benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict

import orjson
from aiohttp import web

from connectors.sandbox.iterable.calls import Answer, JsonObject, RefusedError
from connectors.sandbox.iterable.door import Door
from connectors.sandbox.iterable.faults import Fault
from connectors.sandbox.iterable.journal import Journal
from connectors.sandbox.iterable.planting import Planter, PlantError
from connectors.sandbox.iterable.profiles import Profile
from connectors.sandbox.iterable.project import Project

_NDJSON = "application/x-ndjson"
_LINES_A_CHUNK = 500

AdminHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def register(app: web.Application, door: Door, journal: Journal) -> None:
    """Add the admin routes to the application."""
    office = _Office(door, journal)
    routes: list[tuple[str, str, AdminHandler]] = [
        ("GET", "journal", office.read_journal),
        ("GET", "stats", office.read_stats),
        ("GET", "profiles", office.read_profiles),
        ("POST", "profiles", office.plant_profiles),
        ("GET", "events", office.read_events),
        ("GET", "lists", office.read_lists),
        ("GET", "faults", office.read_faults),
        ("POST", "faults", office.order_faults),
        ("DELETE", "faults", office.clear_faults),
        ("POST", "keys", office.turn_key),
        ("POST", "forgotten", office.forget),
        ("GET", "settings", office.read_settings),
        ("POST", "settings", office.turn_settings),
        ("POST", "fields", office.pin_fields),
    ]
    for method, name, handler in routes:
        app.router.add_route(method, f"/_sandbox/{name}", _explained(handler))


def _explained(handler: AdminHandler) -> AdminHandler:
    """Answer 400 with the sentence when an order makes no sense."""

    async def explained(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ValueError, TypeError, KeyError, PlantError) as error:
            return _json({"error": str(error)}, 400)
        except RefusedError as refusal:
            return _response(refusal.answer)

    return explained


class _Office:
    def __init__(self, door: Door, journal: Journal) -> None:
        self._door = door
        self._journal = journal

    @property
    def _project(self) -> Project:
        """The project with everything applied that is due by now."""
        self._door.project.settle()
        return self._door.project

    async def read_journal(self, request: web.Request) -> web.StreamResponse:
        entries = self._journal.after(int(request.query.get("after", "0")))
        return await _stream(request, (entry.as_json() for entry in entries))

    async def read_stats(self, _: web.Request) -> web.StreamResponse:
        return _json(self._journal.stats())

    async def read_profiles(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, map(_profile_line, self._project.profiles.everyone()))

    async def plant_profiles(self, request: web.Request) -> web.StreamResponse:
        planter = Planter(self._project)
        async for chunk in request.content.iter_any():
            planter.feed(chunk)
        return _json({"planted": planter.finish(), "profiles": len(self._project.profiles)})

    async def read_events(self, request: web.Request) -> web.StreamResponse:
        found = self._project.events.everything()
        return await _stream(request, (_line(event.shown()) for event in found))

    async def read_lists(self, request: web.Request) -> web.StreamResponse:
        return await _stream(request, _list_lines(self._project))

    async def read_faults(self, _: web.Request) -> web.StreamResponse:
        return _json({"waiting": self._door.faults.waiting()})

    async def order_faults(self, request: web.Request) -> web.StreamResponse:
        orders = orjson.loads(await request.read())
        faults = [Fault.read(item) for item in (orders if isinstance(orders, list) else [orders])]
        for fault in faults:
            self._door.faults.order(fault)
        return await self.read_faults(request)

    async def clear_faults(self, request: web.Request) -> web.StreamResponse:
        self._door.faults.clear()
        return await self.read_faults(request)

    async def turn_key(self, request: web.Request) -> web.StreamResponse:
        order = await _object(request)
        if unknown := order.keys() - {"revoke", "restore"}:
            raise ValueError(f"a key can be revoked or restored, not {', '.join(unknown)}")
        if "revoke" in order:
            self._door.revoke(str(order["revoke"]))
        if "restore" in order:
            self._door.restore(str(order["restore"]))
        return _json({"good_keys": len(self._door.keys)})

    async def forget(self, request: web.Request) -> web.StreamResponse:
        """Forget users: every later write to them fails. Their profiles are deleted."""
        order, project = await _object(request), self._project
        emails = {str(email).lower() for email in order.get("emails", ())}
        user_ids = {str(user_id) for user_id in order.get("userIds", ())}
        project.identity.forgotten_emails |= emails
        project.identity.forgotten_user_ids |= user_ids
        for email in emails:
            _delete(project, project.profiles.by_email(email))
        for user_id in user_ids:
            _delete(project, project.profiles.by_user_id(user_id))
        return _json({"forgotten": len(emails) + len(user_ids)})

    async def read_settings(self, _: web.Request) -> web.StreamResponse:
        return _json(asdict(self._project.settings))

    async def turn_settings(self, request: web.Request) -> web.StreamResponse:
        self._project.settings.turn(await _object(request))
        return await self.read_settings(request)

    async def pin_fields(self, request: web.Request) -> web.StreamResponse:
        for path, kind in (await _object(request)).items():
            self._project.user_fields.pin(path, kind)
        return _json({"fields": self._project.user_fields.kinds()})


def _delete(project: Project, found: Iterable[Profile]) -> None:
    for profile in found:
        project.delete(profile)


def _profile_line(profile: Profile) -> bytes:
    # The fields are JSON already: no need to read half a million of them to write them again.
    head = orjson.dumps({"email": profile.email, "userId": profile.user_id})
    return b'%b,"dataFields":%b}\n' % (head[:-1], profile.data)


def _list_lines(project: Project) -> Iterator[bytes]:
    for item in project.lists:
        members = [{"email": found.email, "userId": found.user_id} for found in item.members]
        yield _line(
            {"listId": item.list_id, "name": item.name, "size": len(members), "members": members}
        )


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


async def _object(request: web.Request) -> JsonObject:
    value = orjson.loads(await request.read())
    if not isinstance(value, dict):
        raise TypeError("send a JSON object")
    return value


async def _stream(request: web.Request, lines: Iterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = _NDJSON
    await response.prepare(request)
    async for chunk in _chunks(lines):
        await response.write(chunk)
        await asyncio.sleep(0)  # noqa: TID251 - other calls get their turn between chunks
    return response


async def _chunks(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    gathered: list[bytes] = []
    for line in lines:
        gathered.append(line)
        if len(gathered) == _LINES_A_CHUNK:
            yield b"".join(gathered)
            gathered.clear()
    yield b"".join(gathered)


def _json(value: object, status: int = 200) -> web.Response:
    return _response(Answer.json(value, status))


def _response(answer: Answer) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return web.Response(status=answer.status, body=body, content_type=answer.content_type)
