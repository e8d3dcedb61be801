"""What every Source does when its tables change, when it is refused, and when the line breaks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import pytest

from connectors.errors import ConfigurationError, RetryableError
from connectors.ports import Source
from connectors.records import Window
from tests.closing import closed_after
from tests.contract.source_desks import Desk, Row, Table

PEOPLE = {"K": "text", "Z": "tz"}
ROWS: Sequence[Row] = [(f"k{i}", f"2026-02-03 00:00:{i:02}") for i in range(20)]


@pytest.fixture
def people(desk: Desk) -> Table:
    return desk.table(PEOPLE, *ROWS)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO {} SELECT 'new', \"Z\" FROM {} WHERE \"K\" = 'k1'",
        'UPDATE {} SET "Z" = NULL WHERE "K" = \'k1\'',
        "DELETE FROM {} WHERE \"K\" = 'k1'",
        "TRUNCATE TABLE {}",
    ],
    ids=["insert", "update", "delete", "truncate"],
)
async def test_the_token_moves_with_every_change(
    source: Source, people: Table, change: str
) -> None:
    """It stands still until then, and afterwards again; reading moves nothing."""
    first = await source.change_token([people.name])
    await _count(source, await _window(source, people))
    assert first == await source.change_token([people.name])

    people.run(change)

    second = await source.change_token([people.name])
    assert first != second == await source.change_token([people.name])


async def test_the_token_of_several_objects_moves_with_each(
    desk: Desk, source: Source, people: Table
) -> None:
    """A model over two tables is asked for as one text."""
    other = desk.table(PEOPLE, *ROWS[:1])
    first = await source.change_token([people.name, other.name])
    other.insert(ROWS[1])

    second = await source.change_token([people.name, other.name])
    people.insert(ROWS[1])

    assert 3 == len({first, second, await source.change_token([people.name, other.name])})


async def test_a_token_of_nothing_is_a_persons_job(source: Source) -> None:
    """Else it would stand still for ever."""
    with pytest.raises(ConfigurationError):
        await source.change_token(["no_such_table"])


@pytest.mark.parametrize(
    "rebuilt",
    [
        {"K": "text", "B": "text", "A": "text", "Z": "tz"},
        {"K": "text", "A": "text", "B": "text", "Z": "tz", "C": "text"},
        {"K": "text", "A": "text", "Z": "tz"},
        {"K": "text", "A": "text", "B": "float", "Z": "tz"},
    ],
    ids=["swapped", "added", "dropped", "retyped"],
)
async def test_a_table_built_anew_since_it_was_described_is_never_misread(
    desk: Desk, source: Source, rebuilt: Mapping[str, str]
) -> None:
    """No value stands under another's name or type; described again, the table is read."""
    table = desk.table({"K": "text", "A": "text", "B": "text", "Z": "tz"})
    stale = await _window(source, table)
    table.run("DROP TABLE {}")
    anew = Table(desk, table.name, rebuilt)
    values = {"K": "k", "A": "1", "B": "2", "C": "3", "Z": "2026-01-01"}
    anew.create([values[name] for name in rebuilt])

    with contextlib.suppress(RetryableError, ConfigurationError):
        async for page in source.read(stale):
            assert [("k", "1", "2")] == [row[:3] for row in page.rows]
    assert 1 == await _count(source, await _window(source, anew))


async def test_the_same_table_built_anew_is_read(source: Source, people: Table) -> None:
    """A daily build changes no column: nothing to wait for."""
    window = await _window(source, people)
    people.run("DROP TABLE {}")
    people.create(*ROWS[:3])

    assert 3 == await _count(source, window)


async def test_a_result_that_breaks_off_is_an_error_and_not_an_end(
    desk: Desk, source: Source, people: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of it is never taken for all of it, and the next read is whole."""
    monkeypatch.setattr(f"{desk.module}.PAGE_ROWS", 50)
    people.double(7)
    window = await _window(source, people)
    found: list[int] = []

    async def read() -> None:
        async for page in source.read(window):
            found.append(len(page.rows))
            desk.cut()

    with pytest.raises(RetryableError, match="reading model people"):
        await read()
    assert 0 < sum(found) < 2_560

    desk.heal()
    assert 2_560 == await _count(source, window)


async def test_a_reader_that_stops_early_leaves_the_source_usable(
    source: Source, people: Table
) -> None:
    """The worker stops in the middle of a window; the next statement runs."""
    window = await _window(source, people)
    async for page in source.read(window):
        assert page.rows
        break

    assert 20 == (await source.survey(window)).rows


async def test_questions_may_be_asked_while_a_window_is_read(
    desk: Desk, source: Source, people: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models share a source: each sees what is committed when it asks."""
    monkeypatch.setattr(f"{desk.module}.PAGE_ROWS", 5)
    window = await _window(source, people)
    seen: list[int] = []
    tokens: set[str] = set()
    async for _ in source.read(window):
        people.insert((f"new{len(seen)}", "2026-02-04"))
        seen.append((await source.survey(window)).rows)
        tokens.add(await source.change_token([people.name]))

    assert [21, 22, 23, 24] == seen
    assert 4 == len(tokens)


async def test_a_missing_table_is_a_persons_job(source: Source, people: Table) -> None:
    """Said with what to check; nothing of the statement or its values is repeated."""
    sql = 'SELECT \'private@x.com\' AS "K", "Z" FROM no_such_table'
    window = await _window(source, people)
    people.run("DROP TABLE {}")
    for call in (
        source.describe(people.model(sql=sql)),
        source.survey(window),
        _count(source, window),
    ):
        with pytest.raises(ConfigurationError, match=r"people.*its objects exist") as caught:
            await call
        for theirs in ("private@x.com", "no_such_table", people.name):
            assert theirs.lower() not in str(caught.value).lower()


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT 1; SELECT 2", "SELECT 1) m --", "nonsense"])
async def test_a_statement_that_is_none_is_a_persons_job(
    source: Source, people: Table, sql: str
) -> None:
    """Two statements, or none that parses, end as a sentence; the session goes on."""
    with pytest.raises(ConfigurationError, match="refused the statement"):
        await source.describe(people.model(sql=sql))

    assert await source.clock_ns() > 0


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"primary_key": "NO_KEY"}, "has no column NO_KEY; it has K, Z"),
        ({"watermark": "NO_TIME"}, "has no column NO_TIME; it has K, Z"),
        ({"watermark": "K"}, "the watermark K must be a timestamp, a date or a whole number"),
        ({"primary_key": 'K" --'}, "no column|not a column"),
    ],
    ids=["key", "watermark", "type", "name"],
)
async def test_columns_to_read_by_are_checked_first(
    source: Source, people: Table, changed: Mapping[str, str], sentence: str
) -> None:
    """A slip is seen at once, with the columns there are."""
    with pytest.raises(ConfigurationError, match=sentence):
        await source.describe(people.model(**changed))


async def test_a_wrong_password_is_said_in_our_words(desk: Desk) -> None:
    """Not tried again; neither the password nor the server's own text is in the sentence."""
    async with closed_after(desk.source(password="not-it")) as source:
        with pytest.raises(ConfigurationError, match=r"refused the login.*check user") as caught:
            await source.clock_ns()

    for theirs in ("not-it", "Incorrect", "specified", "FATAL", "authentication"):
        assert theirs not in str(caught.value)


async def test_the_password_is_read_anew_at_each_login(desk: Desk) -> None:
    """A refused login with the old one, then the file has the new one: no restart is needed."""
    now = {"password": "the-old-one"}
    asked: list[str] = []

    def secrets() -> Mapping[str, object]:
        asked.append(now["password"])
        return dict(now)

    async with closed_after(desk.source(secrets, password=None)) as source:
        with pytest.raises(ConfigurationError, match="refused the login"):
            await source.clock_ns()
        now["password"] = desk.password
        assert await source.clock_ns() > 0

    assert ("the-old-one", desk.password) == (asked[0], asked[-1])


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
async def test_a_source_that_is_away_is_tried_again(desk: Desk, host: str) -> None:
    """A closed port or an unknown host is a matter of time, not of a person."""
    async with closed_after(desk.source(host=host, port=1)) as source:
        with pytest.raises(RetryableError, match="did not answer while asking for the time"):
            await source.clock_ns()


async def test_closing_twice_is_closing_once(desk: Desk, people: Table) -> None:
    """Also when nothing was ever opened, and in the middle of a window."""
    await desk.source().close()
    source = desk.source()
    window = await _window(source, people)
    reading = source.read(window)
    async for _ in reading:
        await source.close()
        await source.close()
        break


async def _window(source: Source, table: Table) -> Window:
    return Window(table.model(), await source.describe(table.model()), None, None, 10_000)


async def _count(source: Source, window: Window) -> int:
    return sum([len(page.rows) async for page in source.read(window)])
