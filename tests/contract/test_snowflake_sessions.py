"""Which session a statement runs in: a rotated key, a lost session, a port that was dead."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.records import Window
from connectors.snowflake.source import SnowflakeSource
from tests.closing import closed_after
from tests.key_pairs import KeyPair
from tests.stand_ins import CHUNK_ROWS, StandIn
from tests.warehouse_door import Answer, Door, door_to, refusal
from tests.warehouse_login import MODEL, door_options

pytestmark = pytest.mark.warehouse

OLD, NEW = KeyPair.new(), KeyPair.new()


@pytest.fixture
def door(warehouse: StandIn) -> Iterator[Door]:
    with door_to(int(warehouse.ready["port"])) as door:
        yield door


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.p8"
    path.write_text(OLD.pem)
    return path


@pytest.fixture
async def source(door: Door, key_file: Path) -> AsyncIterator[SnowflakeSource]:
    async with closed_after(SnowflakeSource(by_key(door, key_file))) as port:
        yield port


def by_key(door: Door, path: Path) -> dict[str, object]:
    return door_options(door, authenticator="SNOWFLAKE_JWT", private_key_file=str(path))


def replace(path: Path, text: str) -> None:
    """In one step, as Kubernetes and every careful tool does it."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)


def remove(path: Path) -> None:
    path.unlink()


def only(*pairs: KeyPair) -> Callable[[dict[str, Any]], Answer | None]:
    """Snowflake with these public keys at the user."""

    def answer(login: dict[str, Any]) -> Answer | None:
        known = any(pair.signed(login["TOKEN"]) for pair in pairs)
        return None if known else refusal("390144", "JWT token is invalid.")

    return answer


async def test_a_rotated_key_is_used_from_the_next_statement_on(
    source: SnowflakeSource, door: Door, key_file: Path, warehouse: StandIn
) -> None:
    """No restart, no failed statement; the old key is not used again and may be taken away."""
    before = warehouse.ask("stats")["sessions"]
    door.answer_login = only(OLD)
    for _ in range(3):
        await source.clock_ns()
    door.answer_login = only(OLD, NEW)  # the second slot, RSA_PUBLIC_KEY_2
    await source.clock_ns()
    replace(key_file, NEW.pem)
    await source.clock_ns()
    door.answer_login = only(NEW)
    for _ in range(3):
        await source.clock_ns()

    first, second = door.logins
    assert OLD.signed(first["TOKEN"])
    assert NEW.signed(second["TOKEN"])
    assert before + 1 == warehouse.ask("stats")["sessions"]


async def test_ten_rotations_fail_no_statement(
    source: SnowflakeSource, door: Door, key_file: Path
) -> None:
    """Each kind of statement may be the first one after a rotation."""
    columns = await source.describe(MODEL)
    window = Window(MODEL, columns, None, None, 100)
    for number in range(10):
        replace(key_file, (NEW, OLD)[number % 2].pem)
        match number % 4:
            case 0:
                await source.clock_ns()
            case 1:
                await source.describe(MODEL)
            case 2:
                await source.survey(window)
            case _:
                assert 100 == sum([len(page.rows) async for page in source.read(window)])

    assert 11 == len(door.logins)
    keys = [OLD, *(NEW, OLD) * 5]
    assert all(k.signed(n["TOKEN"]) for k, n in zip(keys, door.logins, strict=True))


async def test_a_model_that_is_being_read_stays_in_its_session(
    source: SnowflakeSource, door: Door, key_file: Path, warehouse: StandIn
) -> None:
    """A statement beside it logs in anew; every row comes, then the old session is closed."""
    before = warehouse.ask("stats")["sessions"]
    columns = await source.describe(MODEL)
    window = Window(MODEL, columns, None, None, 100_000)
    expected = [row async for page in source.read(window) for row in page.rows]
    assert len(expected) > 3 * CHUNK_ROWS
    found: list[tuple[object, ...]] = []
    async for page in source.read(window):
        if not found:
            replace(key_file, NEW.pem)
            await source.clock_ns()
            assert before + 2 == warehouse.ask("stats")["sessions"]
        found += page.rows

    assert expected == found
    assert 2 == len(door.logins)
    assert before + 1 == warehouse.ask("stats")["sessions"]


async def test_sessions_that_are_still_read_end_with_the_source(
    door: Door, key_file: Path, warehouse: StandIn
) -> None:
    """None is left behind in Snowflake."""
    before = warehouse.ask("stats")["sessions"]
    source = SnowflakeSource(by_key(door, key_file))
    columns = await source.describe(MODEL)
    pages = source.read(Window(MODEL, columns, None, None, 100))
    await anext(pages)
    replace(key_file, NEW.pem)
    await source.clock_ns()
    await source.close()

    assert before == warehouse.ask("stats")["sessions"]


async def test_a_key_that_is_being_replaced_is_waited_for(
    source: SnowflakeSource, door: Door, key_file: Path
) -> None:
    """Away or still empty: the session goes on; the new one is used once it is there."""
    await source.clock_ns()
    remove(key_file)
    await source.clock_ns()
    replace(key_file, "")
    await source.clock_ns()
    assert 1 == len(door.logins)
    replace(key_file, NEW.pem)
    await source.clock_ns()

    assert NEW.signed(door.logins[1]["TOKEN"])


async def test_a_key_that_is_written_again_as_it_was_changes_nothing(
    source: SnowflakeSource, door: Door, key_file: Path
) -> None:
    """What counts is what stands in it."""
    await source.clock_ns()
    replace(key_file, OLD.pem)
    await source.clock_ns()

    assert 1 == len(door.logins)


async def test_a_new_key_that_snowflake_does_not_know_is_said(
    source: SnowflakeSource, door: Door, key_file: Path
) -> None:
    """At once, by the next statement, and not when the session ends hours later."""
    door.answer_login = only(OLD)
    await source.clock_ns()
    replace(key_file, NEW.pem)
    with pytest.raises(ConfigurationError, match=r"refused the login \(error 390144\)"):
        await source.clock_ns()

    assert 2 == len(door.logins)


async def test_a_rotated_token_file_is_seen(door: Door, tmp_path: Path) -> None:
    """A programmatic access token lives for days or months, then another one comes."""
    path = tmp_path / "token"
    path.write_text("first")
    options = door_options(
        door, authenticator="PROGRAMMATIC_ACCESS_TOKEN", token_file_path=str(path)
    )
    async with closed_after(SnowflakeSource(options)) as source:
        await source.clock_ns()
        replace(path, "second")
        await source.clock_ns()

    assert ["first", "second"] == [login["TOKEN"] for login in door.logins]


async def test_a_rotated_secret_is_seen(door: Door) -> None:
    """One that can't be read for a moment is no other one."""
    now = ["first"]

    def secrets() -> Mapping[str, object]:
        if not now:
            raise ConfigurationError("the secret file is empty", kind="secret")
        return {"token": now[0]}

    options = door_options(door, authenticator="PROGRAMMATIC_ACCESS_TOKEN")
    async with closed_after(SnowflakeSource(options, secrets)) as source:
        await source.clock_ns()
        now.clear()
        await source.clock_ns()
        now.append("second")
        await source.clock_ns()

    assert ["first", "second"] == [login["TOKEN"] for login in door.logins]


@pytest.mark.parametrize("which", ["profile", "key"])
async def test_a_profile_and_the_key_it_names_are_watched(
    door: Door, tmp_path: Path, key_file: Path, which: str
) -> None:
    """Though our own configuration names neither user nor key."""
    path = tmp_path / "connections.toml"
    replace(path, toml(by_key(door, key_file)))
    options = {"connection_name": "warehouse", "connections_file_path": str(path)}
    async with closed_after(SnowflakeSource(options)) as source:
        await source.clock_ns()
        if which == "key":
            replace(key_file, NEW.pem)
        else:
            replace(path, "[warehouse")  # being written
            await source.clock_ns()
            replace(path, toml({**by_key(door, key_file), "user": "ANOTHER"}))
        await source.clock_ns()
        await source.clock_ns()

    first, second = door.logins
    if which == "key":
        assert NEW.signed(second["TOKEN"])
    else:
        assert ("HIGHTIDE", "ANOTHER") == (first["LOGIN_NAME"], second["LOGIN_NAME"])


async def test_a_session_behind_a_dead_port_is_replaced(
    source: SnowflakeSource, door: Door
) -> None:
    """While it is dead each statement fails as retryable; the first one after it logs in anew."""
    await source.clock_ns()
    door.shut()
    for _ in range(2):
        with pytest.raises(RetryableError, match="did not answer"):
            await source.clock_ns()
    door.open()
    await source.clock_ns()
    await source.clock_ns()

    assert 2 == len(door.logins)


def toml(profile: Mapping[str, object]) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in profile.items()]
    return "\n".join(["[warehouse]", *lines, ""])
