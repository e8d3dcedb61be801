"""The event endpoints. An event never makes a user: an unknown one makes the event fail."""

from __future__ import annotations

import orjson

from connectors.sandbox.iterable import shapes
from connectors.sandbox.iterable.calls import Answer, Call, JsonObject
from connectors.sandbox.iterable.events import Event, created_seconds, is_event_id
from connectors.sandbox.iterable.fields import FieldCheck
from connectors.sandbox.iterable.identifiers import is_email
from connectors.sandbox.iterable.profiles import Profile
from connectors.sandbox.iterable.project import Project
from connectors.sandbox.iterable.replies import bad_params, refuse, success
from connectors.sandbox.iterable.rows import UserRow
from connectors.sandbox.iterable.users import single_refusal
from connectors.sandbox.iterable.verdicts import UNNAMED, Tally

_DEFAULT_PAGE = 30
_LONGEST_PAGE = 200


def track(project: Project, call: Call) -> Answer:
    event = shapes.read_object(call, shapes.EVENT, required=["eventName"])
    call.rows = [event]
    name = event["eventName"]
    if name in project.settings.disallowed_events:
        return success(f"Event {name} is disallowed from tracking")
    _refuse_bad_ids([event])
    _check_fields(project, [event])
    failure = project.identity.known(UserRow({**event, "dataFields": None}))
    if failure == UNNAMED:
        raise bad_params("Either email or userId must be specified in a track call")
    if failure is not None:
        raise single_refusal(failure)
    event_id = _store(project, event)
    return success(f"Event with id: {event_id} tracked.", {"id": event_id})


def track_bulk(project: Project, call: Call) -> Answer:
    body = shapes.read_object(call, {"events": list}, required=["events"])
    events = shapes.read_rows(call, body, "events", shapes.EVENT, required=["eventName"])
    _refuse_bad_ids(events)
    check = _check_fields(project, events)
    tally = Tally()
    for event in events:
        if event["eventName"] in project.settings.disallowed_events:
            tally.disallow(event["eventName"])
        elif failure := project.identity.known(UserRow({**event, "dataFields": None})):
            tally.fail(failure)
        else:
            _store(project, event)
            tally.succeed()
    return tally.events_answer(
        check.created, check.filtered, legacy=project.settings.legacy_envelope
    )


def get_by_email(project: Project, call: Call) -> Answer:
    email = call.parts["email"]
    if not is_email(email):
        raise refuse(400, "InvalidEmailAddressError", f"Invalid email: {email}")
    return _shown(project, call, project.profiles.by_email(email))


def get_by_user_id(project: Project, call: Call) -> Answer:
    return _shown(project, call, project.profiles.by_user_id(call.parts["userId"]))


def _shown(project: Project, call: Call, profiles: list[Profile]) -> Answer:
    text = call.query.get("limit", str(_DEFAULT_PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_PAGE:
        raise bad_params(f"limit must be from 1 to {_LONGEST_PAGE}")
    found = project.events.newest(profiles, int(text))
    return Answer.json({"events": [event.shown() for event in found]})


def _refuse_bad_ids(events: list[JsonObject]) -> None:
    for event in events:
        if event.get("id") is not None and not is_event_id(event["id"]):
            raise bad_params(f"Invalid event id: {event['id']}")


def _check_fields(project: Project, events: list[JsonObject]) -> FieldCheck:
    check = project.check_event_fields()
    trees = {event["eventName"]: project.event_fields(event["eventName"]) for event in events}
    for event in events:
        data = event.get("dataFields") or {}
        check.look(trees[event["eventName"]], data, create=event.get("createNewFields"))
    for tree in trees.values():
        check.close(tree)
    return check


def _store(project: Project, event: JsonObject) -> str:
    """Store it now or after the apply delay; the id is settled at once."""
    event_id: str = event.get("id") or project.events.take_id()
    created = created_seconds(event.get("createdAt"), project.now())
    encoded = orjson.dumps(event.get("dataFields") or {})
    data = bytes(memoryview(encoded))  # a copy, for orjson's result keeps its 4 KB buffer
    user = UserRow({**event, "dataFields": None})

    def put(_: float) -> None:
        for profile in project.identity.find(user)[:1]:
            project.events.put(Event(event_id, event["eventName"], profile, created, data))

    project.write(put)
    return event_id
