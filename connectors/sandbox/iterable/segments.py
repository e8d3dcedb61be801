"""The list endpoints."""

from __future__ import annotations

from functools import partial

from connectors.sandbox.iterable import shapes
from connectors.sandbox.iterable.calls import Answer, Call, JsonObject
from connectors.sandbox.iterable.lists import StaticList
from connectors.sandbox.iterable.options import ProjectType
from connectors.sandbox.iterable.project import Project
from connectors.sandbox.iterable.replies import PROJECT_ID, bad_params, refuse, success
from connectors.sandbox.iterable.rows import UserRow
from connectors.sandbox.iterable.users import oversized
from connectors.sandbox.iterable.verdicts import Tally

_CREATE: shapes.Spec = {"name": str, "description": str}
_SUBSCRIBE: shapes.Spec = {"listId": int, "subscribers": list, "updateExistingUsersOnly": bool}
_UNSUBSCRIBE: shapes.Spec = {
    "listId": int,
    "subscribers": list,
    "campaignId": int,
    "channelUnsubscribe": bool,
}
_BOTH = ("listId", "subscribers")
_WHO: shapes.Spec = {"email": str, "userId": str}


def create(project: Project, call: Call) -> Answer:
    """Make a list; with an apply delay its id is refused for that long, as in the real thing."""
    body = shapes.read_object(call, _CREATE, required=["name"])
    list_id = project.lists.take_id()
    created_at_ms = int(project.now() * 1000)
    made = StaticList(list_id, body["name"], body.get("description"), created_at_ms)
    project.write(lambda _: project.lists.add(made))
    return Answer.json({"listId": list_id})


def get_all(project: Project, _: Call) -> Answer:
    return Answer.json({"lists": [_described(item) for item in project.lists]})


def delete(project: Project, call: Call) -> Answer:
    found = _number(call.parts["listId"])
    which = f"{call.parts['listId']} in Project {PROJECT_ID}"
    if project.lists.get(found) is None:
        raise bad_params(f"Unable to delete list {which}, which does not exist.")
    project.write(lambda _: project.lists.remove(found))
    return success(f"List {which} was successfully deleted.")


def get_users(project: Project, call: Call) -> Answer:
    """One identifier a line. Hybrid projects show the e-mail unless `preferUserId=true`."""
    found = _asked(project, call.query.get("listId", ""))
    prefer_user_id = call.query.get("preferUserId") == "true"
    lines = []
    for profile in found.members:
        first, second = profile.email, profile.user_id
        if project.kind == ProjectType.USERID or (
            project.kind == ProjectType.HYBRID and prefer_user_id
        ):
            first, second = second, first
        lines.append(f"{first or second}\n")
    return Answer.text("".join(lines))


def size(project: Project, call: Call) -> Answer:
    return Answer.json(len(_asked(project, call.parts["listId"]).members))


def subscribe(project: Project, call: Call) -> Answer:
    """Write the users, as bulkUpdate does, and put them on the list."""
    body = shapes.read_object(call, _SUBSCRIBE, required=_BOTH)
    rows = [UserRow(row) for row in shapes.read_rows(call, body, "subscribers", shapes.USER)]
    list_id = _writable(project, body)
    check = project.check_fields(None)
    for row in rows:
        check.look(project.user_fields, row.data)
    check.close(project.user_fields)
    honoured = project.kind != ProjectType.EMAIL
    may_create = not (honoured and body.get("updateExistingUsersOnly"))
    tally = Tally(project.settings.unknown_user_list)
    for row in rows:
        failure = project.identity.check(row, may_create=may_create) or oversized(row)
        if failure is None:
            project.write(partial(_subscribe, project, list_id, row))
            tally.succeed()
        else:
            tally.fail(failure)
    return tally.users_answer(
        check.created, check.filtered, legacy=project.settings.legacy_envelope
    )


def unsubscribe(project: Project, call: Call) -> Answer:
    """Take users off the list. One who is not on it counts as done, an unknown one as failed."""
    body = shapes.read_object(call, _UNSUBSCRIBE, required=_BOTH)
    rows = [UserRow(row) for row in shapes.read_rows(call, body, "subscribers", _WHO)]
    list_id = _writable(project, body)
    tally = Tally()
    for row in rows:
        failure = project.identity.known(row)
        if failure is None:
            project.write(partial(_unsubscribe, project, list_id, row))
            tally.succeed()
        else:
            tally.fail(failure)
    return tally.users_answer((), (), legacy=project.settings.legacy_envelope)


def _subscribe(project: Project, list_id: int, row: UserRow, now: float) -> None:
    for profile in project.write_user(row, now):
        project.lists.subscribe(list_id, profile)


def _unsubscribe(project: Project, list_id: int, row: UserRow, _: float) -> None:
    for profile in project.identity.find(row):
        project.lists.unsubscribe(list_id, profile)


def _writable(project: Project, body: JsonObject) -> int:
    list_id: int = body["listId"]
    if project.lists.get(list_id) is None:
        # A 400 that calls itself Success is Iterable's own.
        raise refuse(
            400,
            "Success",
            f"error.lists.invalidListId({list_id})",
            {"projectId": int(PROJECT_ID), "listId": list_id},
        )
    return list_id


def _asked(project: Project, text: str) -> StaticList:
    found = project.lists.get(_number(text))
    if found is None:
        raise bad_params("Invalid email list id", {"projectId": PROJECT_ID, "listId": text})
    return found


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _described(item: StaticList) -> JsonObject:
    described: JsonObject = {
        "id": item.list_id,
        "name": item.name,
        "createdAt": item.created_at_ms,
        "listType": item.list_type,
    }
    if item.description is not None:
        described["description"] = item.description
    return described
