"""What the project remembers beside users: lists, events, the apply delay, the export."""

from __future__ import annotations

import orjson
import pytest

from connectors.sandbox.iterable import ProjectType
from connectors.sandbox.iterable.planting import Planter, PlantError
from tests.unit.sandbox.iterable_desk import Desk

TRACK, TRACK_BULK = "POST /api/events/track", "POST /api/events/trackBulk"
SUBSCRIBE, UNSUBSCRIBE = "POST /api/lists/subscribe", "POST /api/lists/unsubscribe"


def test_a_write_is_read_after_the_apply_delay_and_answered_at_once() -> None:
    """Also a delete, and in the order of the calls."""
    desk = Desk(apply_delay_seconds=5)
    assert desk.bulk({"email": "a@x.com", "dataFields": {"n": 1}})["successCount"] == 1
    desk.now_seconds += 4.9
    assert desk.fields("a@x.com") is None
    desk.send("DELETE /api/users/{email}", email="a@x.com")
    desk.now_seconds += 0.2
    assert desk.fields("a@x.com") is not None
    desk.now_seconds += 5

    assert desk.fields("a@x.com") is None


def test_a_delay_that_is_switched_off_does_not_let_a_write_overtake() -> None:
    """What waits is applied first."""
    desk = Desk(apply_delay_seconds=5)
    desk.bulk({"email": "a@x.com", "dataFields": {"n": 1}})
    desk.door.project.settings.apply_delay_seconds = 0
    desk.bulk({"email": "a@x.com", "dataFields": {"n": 2}})
    desk.now_seconds += 5

    assert (desk.fields("a@x.com") or {})["n"] == 2


def test_bad_rows_are_named_at_once_whatever_the_delay() -> None:
    """Validation does not wait."""
    envelope = Desk(apply_delay_seconds=60).bulk({"email": "bad@"}, {"email": "a@x.com"})

    assert (envelope["failedUpdates"]["invalidEmails"], envelope["failCount"]) == (["bad@"], 1)


def test_subscribing_creates_users_and_shows_on_profile_and_list() -> None:
    """Unsubscribing one who is not on the list counts as done, an unknown one as not found."""
    desk = Desk()
    _, answer = desk.send("POST /api/lists", {"name": "new"})
    list_id = answer["listId"]
    rows = [{"email": "A@x.com", "dataFields": {"n": 1}}, {"email": "b@x.com"}, {"userId": "u9"}]
    _, envelope = desk.send(SUBSCRIBE, {"listId": list_id, "subscribers": rows})
    assert envelope["failedUpdates"]["notFoundUserIds"] == ["u9"]
    assert [list_id] == (desk.fields("a@x.com") or {})["emailListIds"]
    listed = desk.send("GET /api/lists/getUsers", listId=str(list_id))
    assert listed == (200, "a@x.com\nb@x.com\n")

    gone = [{"email": "a@x.com"}, {"email": "a@x.com"}, {"email": "never@x.com"}]
    _, envelope = desk.send(UNSUBSCRIBE, {"listId": list_id, "subscribers": gone})
    assert (envelope["successCount"], envelope["failCount"]) == (2, 1)
    assert envelope["failedUpdates"]["notFoundEmails"] == ["never@x.com"]
    assert desk.send("GET /api/lists/{listId}/size", listId=str(list_id)) == (200, 1)
    assert "emailListIds" not in (desk.fields("a@x.com") or {})


def test_an_unknown_list_answers_400_and_calls_it_success() -> None:
    """Iterable's own oddity: only the status can be believed."""
    status, answer = Desk().send(SUBSCRIBE, {"listId": 42, "subscribers": []})

    assert (status, answer["code"]) == (400, "Success")
    assert answer["msg"] == "error.lists.invalidListId(42)"


def test_subscribing_only_existing_users_is_honoured_beside_email_projects() -> None:
    """Hybrid: the unknown one is not created. Email-based: the flag is ignored."""
    for kind, created in ((ProjectType.HYBRID, False), (ProjectType.EMAIL, True)):
        desk = Desk(kind)
        _, answer = desk.send("POST /api/lists", {"name": "new"})
        body = {"subscribers": [{"email": "a@x.com"}], "updateExistingUsersOnly": True}
        desk.send(SUBSCRIBE, {"listId": answer["listId"], **body})
        assert created == (desk.fields("a@x.com") is not None)


def test_deleting_a_list_or_a_user_leaves_no_trace_of_either_on_the_other() -> None:
    """Lists forget deleted users, users forget deleted lists."""
    desk = Desk()
    ids = [desk.send("POST /api/lists", {"name": name})[1]["listId"] for name in ("one", "two")]
    for list_id in ids:
        body = {"subscribers": [{"email": "a@x.com"}, {"email": "b@x.com"}]}
        desk.send(SUBSCRIBE, {"listId": list_id, **body})
    desk.send("DELETE /api/users/{email}", email="b@x.com")
    status, answer = desk.send("DELETE /api/lists/{listId}", listId=str(ids[0]))

    assert (200, f"List {ids[0]} in Project 1 was successfully deleted.") == (status, answer["msg"])
    assert [ids[1]] == (desk.fields("a@x.com") or {})["emailListIds"]
    assert desk.send("GET /api/lists/{listId}/size", listId=str(ids[1])) == (200, 1)
    assert desk.send("DELETE /api/lists/{listId}", listId=str(ids[0]))[0] == 400


def test_the_same_event_id_updates_the_event() -> None:
    """That is how a repeated event does no harm; without an id there are two."""
    desk = Desk()
    desk.bulk({"email": "a@x.com"})
    for number in (1, 2):
        event = {"eventName": "e", "email": "a@x.com", "dataFields": {"n": number}}
        status, answer = desk.send(TRACK, {**event, "id": "one"})
        assert (status, answer["params"]) == (200, {"id": "one"})
        desk.send(TRACK, event)

    _, answer = desk.send("GET /api/events/{email}", email="a@x.com")
    assert len(answer["events"]) == 3
    assert [found["dataFields"]["n"] for found in answer["events"] if found["id"] == "one"] == [2]


def test_an_event_of_an_unknown_user_fails() -> None:
    """Events never create users: alone 400, in bulk not found."""
    desk = Desk()
    event = {"eventName": "e", "userId": "u9"}
    status, answer = desk.send(TRACK, event)
    assert (status, answer["code"]) == (400, "UnknownUserIdError")

    _, envelope = desk.send(TRACK_BULK, {"events": [event, {"eventName": "e", "email": "bad@"}]})
    assert envelope["failedUpdates"]["notFoundUserIds"] == ["u9"]
    assert (envelope["invalidEmails"], envelope["invalidUserIds"]) == (["bad@"], ["u9"])
    assert (envelope["successCount"], envelope["failCount"]) == (0, 2)


def test_event_field_types_belong_to_the_event_name() -> None:
    """Another event may use the same name for another type."""
    desk = Desk()
    desk.bulk({"email": "a@x.com"})
    first = {"eventName": "e", "email": "a@x.com", "dataFields": {"n": 1}}
    other = {"eventName": "f", "email": "a@x.com", "dataFields": {"n": "x"}}
    _, envelope = desk.send(TRACK_BULK, {"events": [first, other]})
    assert envelope["successCount"] == 2

    status, answer = desk.send(TRACK_BULK, {"events": [{**other, "eventName": "e"}]})
    assert (status, answer["code"]) == (400, "RequestFieldsTypesMismatched")


@pytest.mark.parametrize("created_at", [1_600_000_000, 1_600_000_000_000])
def test_an_event_time_is_read_in_seconds_and_milliseconds(created_at: int) -> None:
    """Both are sent in the wild."""
    desk = Desk()
    desk.bulk({"email": "a@x.com"})
    desk.send(TRACK, {"eventName": "e", "email": "a@x.com", "createdAt": created_at})

    _, answer = desk.send("GET /api/events/{email}", email="a@x.com")
    assert answer["events"][0]["createdAt"] == "2020-09-13 12:26:40 +00:00"


def test_an_event_without_name_or_with_a_bad_time_refuses_the_call() -> None:
    """One such row is enough."""
    rows = [{"eventName": None, "email": "a@x.com"}, {"eventName": "e", "createdAt": "now"}]
    status, answer = Desk().send(TRACK_BULK, {"events": rows})

    assert status == 400
    assert {"obj.events[0].eventName", "obj.events[1].createdAt"} == answer["params"].keys()


def test_a_disallowed_event_fails_by_its_name() -> None:
    """In bulk the name is listed once; alone it is 200 and a sentence."""
    desk = Desk(disallowed_events=["e"])
    desk.bulk({"email": "a@x.com"})
    event = {"eventName": "e", "email": "a@x.com"}
    _, envelope = desk.send(TRACK_BULK, {"events": [event, event]})
    assert (envelope["disallowedEventNames"], envelope["failCount"]) == (["e"], 2)

    status, answer = desk.send(TRACK, event)
    assert status == 200
    assert "is disallowed from tracking" in answer["msg"]


def test_the_export_has_every_user_on_a_line() -> None:
    """With only the fields that were asked for, whether read fast or in full."""
    desk = Desk()
    desk.bulk({"email": "a@x.com", "userId": "u", "dataFields": {"n": 1}}, {"email": "b@x.com"})
    export = "GET /api/export/data.json"

    _, text = desk.send(export, dataTypeName="user", onlyFields="email,n")
    assert [orjson.loads(line) for line in text.splitlines()] == [
        {"n": 1, "email": "a@x.com"},
        {"email": "b@x.com"},
    ]
    _, text = desk.send(export, dataTypeName="user", onlyFields="email,userId")
    assert [orjson.loads(line) for line in text.splitlines()] == [
        {"email": "a@x.com", "userId": "u"},
        {"email": "b@x.com"},
    ]
    assert desk.send(export, dataTypeName="emailSend")[0] == 400


def plant(desk: Desk, text: bytes, size: int) -> int:
    """Plant the text, cut into pieces of this size."""
    planter = Planter(desk.door.project)
    for start in range(0, len(text), size):
        planter.feed(text[start : start + size])
    return planter.finish()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_profiles_are_planted_from_pieces_of_any_size(size: int) -> None:
    """Lines and arrays alike, cut anywhere; an identifier that exists is planted over."""
    rows = [{"email": f"{name}@x.com", "userId": name, "dataFields": {"n": 1}} for name in "aba"]
    lines = b"\n".join(orjson.dumps(row) for row in rows)
    for text in (lines, b"\n" + orjson.dumps(rows)):
        desk = Desk()
        assert plant(desk, text, size) == 3
        assert len(desk.door.project.profiles) == 2
        assert (desk.fields("b@x.com") or {})["n"] == 1


@pytest.mark.parametrize("text", [b'{"email":', b"[1]", b'{"dataFields":{}}'])
def test_what_is_no_profile_cannot_be_planted(text: bytes) -> None:
    """A sentence says what can be."""
    with pytest.raises(PlantError, match="planted"):
        plant(Desk(), text, len(text))
