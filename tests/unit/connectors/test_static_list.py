"""Many processes, one list: whatever order they find it missing in, they end on the same one."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError, RetryableError, ThrottledError
from connectors.iterable.client import IterableClient, Reply
from connectors.iterable.static_list import YOUNG_SECONDS, StaticList

NAME = "vip"


@dataclass(slots=True)
class Lists:
    """The lists of a project. `shown` of those that were made are shown, in their order."""

    made: list[int] = field(default_factory=list)
    removed: set[int] = field(default_factory=set)
    shown: int | None = None
    replies: dict[str, Reply] = field(default_factory=dict)

    def left(self) -> list[int]:
        return [one for one in self.made if one not in self.removed]

    def reply(self, method: str, path: str) -> Reply:
        if method in self.replies:
            return self.replies[method]
        match method:
            case "POST":
                self.made.append(100 + len(self.made))
                return Reply(200, b'{"listId":%d}' % self.made[-1])
            case "DELETE":
                self.removed.add(int(path.rsplit("/", 1)[1]))
                return Reply(200, b'{"msg":"","code":"Success","params":null}')
        shown = [one for one in self.made[: self.shown] if one not in self.removed]
        lists = [{"id": one, "name": NAME, "listType": "Standard"} for one in shown]
        return Reply(200, orjson.dumps({"lists": lists}))


class Client(IterableClient):
    """A client whose every call lets others go first."""

    def __init__(self, lists: Lists) -> None:
        super().__init__("http://127.0.0.1:1", lambda: "key")
        self._lists = lists

    async def get(self, path: str) -> Reply:
        await _others_first()
        return self._lists.reply("GET", path)

    async def post(self, path: str, body: bytes) -> Reply:
        assert {"name": NAME} == orjson.loads(body)
        await _others_first()
        return self._lists.reply("POST", path)

    async def delete(self, path: str) -> Reply:
        await _others_first()
        return self._lists.reply("DELETE", path)


@types.coroutine
def _others_first() -> Generator[None, None, None]:
    yield


@dataclass(slots=True)
class Desk:
    """A list as one process has it, and the time there."""

    lists: Lists
    makes: bool = True
    now: float = 0.0
    list: StaticList = field(init=False)

    def __post_init__(self) -> None:
        client = Client(self.lists)
        self.list = StaticList(client, NAME, makes=self.makes, now=lambda: self.now)

    def id(self) -> int:
        """Look until there is an answer, nobody coming between."""
        return _finished(self.list.id())


def _finished(work: Coroutine[Any, Any, int]) -> int:
    while True:
        try:
            work.send(None)
        except StopIteration as done:
            return int(done.value)


@settings(deadline=None)
@given(st.integers(2, 4), st.lists(st.integers(0, 5), max_size=60))
def test_all_processes_end_on_one_list_and_no_other_is_left(
    processes: int, turns: list[int]
) -> None:
    """In any order of their calls, and however late lists are shown."""
    lists = Lists(shown=0)
    desks = [Desk(lists) for _ in range(processes)]
    chosen: dict[int, int] = {}
    under_way: dict[int, Coroutine[Any, Any, int]] = {}
    for turn in [*turns, *[*range(processes), 5] * 40]:
        if turn >= processes:
            lists.shown = min(len(lists.made), (lists.shown or 0) + 1)
            continue
        if turn in chosen:
            continue
        if turn not in under_way:
            under_way[turn] = desks[turn].list.id()
        try:
            under_way[turn].send(None)
        except RetryableError:  # not shown yet: it will be asked again
            del under_way[turn]
        except StopIteration as done:
            chosen[turn] = done.value

    assert [100] == lists.left()
    assert dict.fromkeys(range(processes), 100) == chosen


def test_the_lowest_id_of_a_name_is_taken() -> None:
    """Names are not unique; nothing is made where there is a list, and nothing removed."""
    lists = Lists(made=[9, 4, 7])

    assert 4 == Desk(lists).id()
    assert [9, 4, 7] == lists.left()


def test_a_list_is_looked_up_once() -> None:
    """Each call of a sync would cost another one."""
    lists = Lists(made=[4])
    desk = Desk(lists)
    desk.id()
    lists.replies["GET"] = Reply(500, b"")

    assert 4 == desk.id()


def test_where_none_may_be_made_a_missing_list_is_a_persons_job() -> None:
    """Until it is there."""
    lists = Lists()
    desk = Desk(lists, makes=False)
    with pytest.raises(ConfigurationError, match="no static list 'vip': make it there") as caught:
        desk.id()
    assert caught.value.kind == "unknown_list"
    lists.made.append(3)

    assert 3 == desk.id()


def test_a_list_that_is_never_shown_is_used_after_a_while() -> None:
    """Another one would be made every time."""
    lists = Lists(shown=0)
    desk = Desk(lists)
    for desk.now in (0.0, YOUNG_SECONDS - 1):
        with pytest.raises(RetryableError, match="does not show"):
            desk.id()
    desk.now = YOUNG_SECONDS

    assert 100 == desk.id()
    assert [100] == lists.left()


def test_a_list_that_was_made_a_moment_ago_may_be_unknown_for_a_while() -> None:
    """It is the same list afterwards; when the while is over it is lost like any other."""
    lists = Lists()
    desk = Desk(lists)
    list_id = desk.id()
    desk.now = YOUNG_SECONDS - 1
    error = desk.list.lost(list_id)

    assert isinstance(error, RetryableError)
    assert (error.kind, list_id) == ("list_young", desk.id())
    desk.now = YOUNG_SECONDS
    assert isinstance(desk.list.lost(list_id), ConfigurationError)


def test_a_lost_list_is_looked_up_anew_and_not_made_anew() -> None:
    """An empty list in its place would look as if it held everyone."""
    lists = Lists(made=[4])
    desk = Desk(lists)
    desk.id()
    lists.removed.add(4)
    assert isinstance(desk.list.lost(4), ConfigurationError)
    with pytest.raises(ConfigurationError, match="replay the sync then"):
        desk.id()
    assert [] == lists.left()
    lists.made.append(8)

    assert 8 == desk.id()
    desk.list.lost(4)  # a call that was still out
    lists.replies["GET"] = Reply(500, b"")
    assert 8 == desk.id()


@pytest.mark.parametrize(
    "body",
    [
        b'{"msg":""}',
        b'{"lists":null}',
        b'{"lists":{}}',
        b'{"code":"Success","params":{"lists":[]}}',
    ],
)
def test_an_answer_without_lists_makes_none(body: bytes) -> None:
    """A new list for each of them would be left."""
    lists = Lists(replies={"GET": Reply(200, body)})
    with pytest.raises(RetryableError, match="no list"):
        Desk(lists).id()

    assert [] == lists.made


@pytest.mark.parametrize(
    "other",
    [
        {"id": 1, "name": "VIP", "listType": "Standard"},
        {"id": 1, "name": NAME, "listType": "Dynamic"},
        {"id": 1, "name": NAME},
        {"id": "1", "name": NAME, "listType": "Standard"},
        {"id": True, "name": NAME, "listType": "Standard"},
        {"name": NAME, "listType": "Standard"},
        None,
        7,
    ],
)
def test_only_a_static_list_of_that_very_name_is_it(other: object) -> None:
    """Whoever may be put on a dynamic list is decided by its query."""
    body = orjson.dumps({"lists": [other, {"id": 2, "name": NAME, "listType": "Standard"}]})
    lists = Lists(replies={"GET": Reply(200, body)})

    assert 2 == Desk(lists).id()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("status", "body", "expected", "kind"),
    [
        (400, b'{"code":"BadJsonBody","params":null}', ConfigurationError, "unknown_list"),
        (409, b"", ConfigurationError, "unknown_list"),
        (413, b"", ConfigurationError, "unknown_list"),
        (401, b"", ConfigurationError, "api_key"),
        (429, b"", ThrottledError, "throttled"),
        (503, b"", RetryableError, "server_error"),
        (200, b"<html>", ConfigurationError, "endpoint"),
        (200, b'{"listId":"7"}', RetryableError, "unreadable"),
        (200, b'{"listId":true}', RetryableError, "unreadable"),
    ],
)
def test_when_the_list_cant_be_found_or_made_no_row_is_at_fault(
    method: str,
    status: int,
    body: bytes,
    expected: type[ConfigurationError | RetryableError],
    kind: str,
) -> None:
    """Never a refusal of the batch: its rows would all be set aside."""
    lists = Lists(replies={method: Reply(status, body)})
    with pytest.raises(expected) as caught:
        Desk(lists).id()

    assert expected is type(caught.value)
    assert kind == caught.value.kind


def test_a_superfluous_list_that_cant_be_removed_does_no_harm() -> None:
    """It is empty, and nobody uses it."""
    lists = Lists(made=[4], shown=0, replies={"DELETE": Reply(409, b"")})
    desk = Desk(lists)
    with pytest.raises(RetryableError):
        desk.id()
    lists.shown = 2

    assert 4 == desk.id()
    assert [4, 101] == lists.left()
