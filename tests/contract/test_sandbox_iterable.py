"""The Iterable sandbox over real sockets: door, faults, journal, admin routes, the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest

from connectors.sandbox.iterable import IterableSandbox, Options, Settings
from connectors.sandbox.process import SandboxProcess
from tests.contract.sandbox_iterable_client import KEY, Client

BULK, READ = "/api/users/bulkUpdate", "/api/users/getByEmail?email=a@x.com"
ONE = {"users": [{"email": "a@x.com", "dataFields": {"n": 1}}]}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a fresh sandbox."""
    sandbox = IterableSandbox(Options(journal_rows=True))
    url = await sandbox.start()
    async with aiohttp.ClientSession() as session:
        yield Client(url, session)
    await sandbox.stop()


@pytest.mark.parametrize("name", ["Api-Key", "Api_Key", "api_key"])
async def test_each_spelling_of_the_key_header_opens_the_door(client: Client, name: str) -> None:
    """All three are in use."""
    status, _ = await client.call("POST", BULK, ONE, {name: "sandbox-key"})

    assert status == 200


async def test_a_wrong_or_revoked_key_is_refused_until_it_is_restored(client: Client) -> None:
    """401 with the endpoint's template, so that no e-mail is echoed."""
    status, answer = await client.call("GET", "/api/users/a%40x.com", headers={})
    assert (status, answer["code"]) == (401, "BadApiKey")
    assert answer["params"] == {"ip": "127.0.0.1", "endpoint": "/api/users/{email}"}

    await client.call("POST", "/_sandbox/keys", {"revoke": "sandbox-key"})
    assert (await client.call("POST", BULK, ONE))[0] == 401
    await client.call("POST", "/_sandbox/keys", {"restore": "sandbox-key"})
    assert (await client.call("POST", BULK, ONE))[0] == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nothing"), ("PUT", BULK), ("GET", "/")])
async def test_an_unknown_path_or_method_is_html(client: Client, method: str, path: str) -> None:
    """404 "Action not found", as recorded."""
    status, page = await client.call(method, path)

    assert status == 404
    assert "<h1>Action not found</h1>" in page


@pytest.mark.parametrize("email", ["a+b@x.com", "o'neil/x@x.com"])
async def test_an_identifier_in_the_path_is_percent_encoded(client: Client, email: str) -> None:
    """A slash and a plus survive."""
    await client.call("POST", BULK, {"users": [{"email": email}]})
    encoded = email.replace("+", "%2B").replace("/", "%2F").replace("@", "%40")
    async with client._session.get(f"{client.url}/api/users/{encoded}", headers=KEY) as response:
        found = orjson.loads(await response.read())

    assert email == found["user"]["email"]


async def test_the_sixth_bulk_call_at_once_is_refused_and_applies_nothing(client: Client) -> None:
    """429 with Iterable's sentence; with limits off, all pass."""
    calls = [{"users": [{"email": f"u{number}@x.com"}]} for number in range(8)]
    answers = await asyncio.gather(*(client.call("POST", BULK, body) for body in calls))
    refused = [answer for status, answer in answers if status == 429]

    assert len(refused) == 3
    assert refused[0] == {
        "msg": "Exceeded rate limit of 5.0 per second for endpoint: /api/users/bulkUpdate, "
        "project: 1 ",
        "code": "RateLimitExceeded",
        "params": {},
    }
    assert len(await client.lines("/_sandbox/profiles")) == 5
    _, stats = await client.call("GET", "/_sandbox/stats", headers={})
    assert stats["busiest_second"] == {BULK: 5}
    assert stats["by_endpoint"][BULK] == {"200": 5, "429": 3}

    await client.call("POST", "/_sandbox/settings", {"limits_enabled": False})
    answers = await asyncio.gather(*(client.call("POST", BULK, body) for body in calls))
    assert {200} == {status for status, _ in answers}


@pytest.mark.parametrize(
    ("kind", "status", "start"),
    [
        ("429_json", 429, "{'msg': 'Exceeded rate limit"),
        ("429_text", 429, "Too Many Requests"),
        ("500", 500, "{'msg': 'Unable"),
        ("503", 503, "{'msg': 'Unable"),
        ("413", 413, "{'msg'"),
        ("html", 200, "<!DOCTYPE html>"),
        ("redirect", 302, ""),
    ],
)
async def test_a_fault_that_answers_leaves_no_trace(
    client: Client, kind: str, status: int, start: str
) -> None:
    """Nothing is applied, and the next call is fine again."""
    await client.call("POST", "/_sandbox/faults", {"kind": kind, "endpoint": BULK})
    found, body = await client.call("POST", BULK, ONE)
    assert status == found
    assert str(body).startswith(start)
    assert not await client.exists()

    assert (await client.call("POST", BULK, ONE))[0] == 200


async def test_a_redirect_leads_to_another_host_name(client: Client) -> None:
    """A client that follows it would hand its key to that host."""
    await client.call("POST", "/_sandbox/faults", {"kind": "redirect"})
    async with client._session.post(
        client.url + BULK, data=b"{}", headers=KEY, allow_redirects=False
    ) as response:
        assert client.url.replace("127.0.0.1", "localhost") + BULK == response.headers["Location"]


@pytest.mark.parametrize(
    ("kind", "applied"), [("cut_after_apply", True), ("cut_before_apply", False)]
)
async def test_a_cut_gives_no_answer(client: Client, kind: str, *, applied: bool) -> None:
    """The client cannot tell whether the call was applied; the journal can."""
    await client.call("POST", "/_sandbox/faults", {"kind": kind, "endpoint": BULK})
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.call("POST", BULK, ONE)

    assert applied == await client.exists()
    (entry,) = await client.lines("/_sandbox/journal")
    assert (0, kind) == (entry["status"], entry["fault"])


@pytest.mark.parametrize("kind", ["slow", "slow_body"])
async def test_a_slow_answer_is_whole_and_its_call_is_applied(client: Client, kind: str) -> None:
    """Others are served meanwhile."""
    order = {"kind": kind, "endpoint": BULK, "seconds": 0.3}
    await client.call("POST", "/_sandbox/faults", order)
    began = time.monotonic()
    slow = asyncio.create_task(client.call("POST", BULK, ONE))
    while not await client.exists():
        pass
    assert time.monotonic() - began < 0.25
    status, answer = await slow

    assert (status, answer["successCount"]) == (200, 1)
    assert time.monotonic() - began >= 0.3


async def test_orders_can_be_called_off(client: Client) -> None:
    """After DELETE no fault waits; an order that makes no sense is refused with a sentence."""
    await client.call("POST", "/_sandbox/faults", [{"kind": "500"}, {"kind": "503", "count": 9}])
    _, answer = await client.call("DELETE", "/_sandbox/faults")
    assert answer["waiting"] == []

    status, answer = await client.call("POST", "/_sandbox/faults", {"kind": "509"})
    assert status == 400
    assert "509" in answer["error"]


async def test_the_journal_has_arrival_rows_identifiers_and_digests(client: Client) -> None:
    """Equal rows have equal digests; admin calls are not in it."""
    before = time.time()  # noqa: TID251 - compared with the wall time of the journal
    body = {"users": [{"email": "A@x.com"}, {"userId": "u"}, {"userId": "u"}]}
    await client.call("POST", BULK, body)
    await client.call("GET", READ)
    after = time.time()  # noqa: TID251 - as above

    first, second = await client.lines("/_sandbox/journal")
    assert (
        before - 0.05 <= first["arrived_at_seconds"] <= second["arrived_at_seconds"] <= after + 0.05
    )
    assert tuple(first[name] for name in ("number", "method", "path", "status", "rows")) == (
        1,
        "POST",
        BULK,
        200,
        3,
    )
    keys = first["keys"]
    assert [(key["email"], key["userId"]) for key in keys] == [
        ("A@x.com", None),
        (None, "u"),
        (None, "u"),
    ]
    assert tuple(keys[2]["digest"] == keys[n]["digest"] for n in (1, 0)) == (True, False)
    assert [second] == await client.lines("/_sandbox/journal?after=1")


async def test_a_refused_call_keeps_the_connection_usable(client: Client) -> None:
    """A megabyte with a wrong key, then a good call."""
    body = {"users": [{"email": "a@x.com", "dataFields": {"t": "x" * 1_000_000}}]}
    assert (await client.call("POST", BULK, body, {}))[0] == 401
    assert (await client.call("POST", BULK, ONE))[0] == 200


async def test_planted_profiles_and_pinned_fields_are_there(client: Client) -> None:
    """Planted as NDJSON; seen by reads, by the admin route and by the export."""
    rows = b"".join(
        orjson.dumps({"email": f"u{n}@x.com", "dataFields": {"n": n}}) + b"\n" for n in range(2000)
    )
    async with client._session.post(f"{client.url}/_sandbox/profiles", data=rows) as response:
        assert await response.json() == {"planted": 2000, "profiles": 2000}
    await client.call("POST", "/_sandbox/fields", {"code": "string"})

    _, fields = await client.call("GET", "/api/users/getFields")
    assert (fields["fields"]["code"], fields["fields"]["n"]) == ("string", "long")
    found = await client.lines("/_sandbox/profiles")
    assert found[7] == {"email": "u7@x.com", "userId": None, "dataFields": {"n": 7}}
    _, text = await client.call("GET", "/api/export/data.json?dataTypeName=user&onlyFields=email")
    assert len(text.splitlines()) == 2000


async def test_forgotten_users_fail_and_are_gone(client: Client) -> None:
    """Every later write names them as forgotten."""
    await client.call("POST", BULK, ONE)
    await client.call("POST", "/_sandbox/forgotten", {"emails": ["A@x.com"], "userIds": ["u"]})
    _, envelope = await client.call("POST", BULK, {"users": [*ONE["users"], {"userId": "u"}]})

    assert envelope["failedUpdates"]["forgottenEmails"] == ["a@x.com"]
    assert envelope["failedUpdates"]["forgottenUserIds"] == ["u"]
    assert not await client.exists()


async def test_events_and_lists_can_be_looked_at(client: Client) -> None:
    """One line each, members and fields included."""
    await client.call("POST", BULK, ONE)
    event = {"eventName": "e", "email": "a@x.com", "id": "1", "dataFields": {"n": 2}}
    await client.call("POST", "/api/events/track", event)
    _, made = await client.call("POST", "/api/lists", {"name": "new"})
    who = {"listId": made["listId"], "subscribers": [{"email": "a@x.com"}]}
    await client.call("POST", "/api/lists/subscribe", who)

    (found,) = await client.lines("/_sandbox/events")
    assert (found["eventName"], found["dataFields"]) == ("e", {"n": 2})
    (found,) = await client.lines("/_sandbox/lists")
    assert found["members"] == [{"email": "a@x.com", "userId": None}]


async def test_every_call_waits_for_the_latency() -> None:
    """A constant of 50 ms; two calls at once do not wait for each other."""
    settings = Settings()
    settings.turn({"latency_ms": 50})
    sandbox = IterableSandbox(Options(settings=settings))
    async with aiohttp.ClientSession() as session:
        client = Client(await sandbox.start(), session)
        began = time.monotonic()
        await asyncio.gather(client.call("GET", READ), client.call("GET", READ))
        took_seconds = time.monotonic() - began
    await sandbox.stop()

    assert 0.05 <= took_seconds < 0.1


async def test_stopping_does_not_wait_for_slow_answers() -> None:
    """A fault of a minute must not hold up the end of a test."""
    sandbox = IterableSandbox()
    async with aiohttp.ClientSession() as session:
        client = Client(await sandbox.start(), session)
        await client.call("POST", "/_sandbox/faults", {"kind": "slow", "seconds": 60})
        waiting = asyncio.create_task(client.call("POST", BULK, ONE))
        while not await client.exists():
            pass
        began = time.monotonic()
        await sandbox.stop()
        assert time.monotonic() - began < 3
        with pytest.raises(aiohttp.ClientConnectionError):
            await waiting


async def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """The ready line has URL and key, flags are read, SIGTERM ends it with 0."""
    flags = ["--api-key", "k", "--project-type", "hybrid", "--no-limits", "--latency-ms", "0:1"]
    process = await asyncio.to_thread(SandboxProcess.start, "iterable", flags, tmp_path)
    try:
        assert {"url", "api_key"} == process.ready.keys()
        async with aiohttp.ClientSession() as session:
            client = Client(process.ready["url"], session)
            status, answer = await client.call(
                "POST", BULK, {"users": [{"userId": "u"}]}, {"Api-Key": "k"}
            )
        assert (status, answer["successCount"]) == (200, 1)
    finally:
        await asyncio.to_thread(process.stop)
    assert process.process.returncode == 0
