"""The user endpoints: bulkUpdate, update, reads, deletes, getFields."""

from __future__ import annotations

from functools import partial

from connectors.sandbox.iterable import shapes
from connectors.sandbox.iterable.calls import Answer, Call, JsonObject, RefusedError
from connectors.sandbox.iterable.identifiers import is_email
from connectors.sandbox.iterable.options import ProjectType
from connectors.sandbox.iterable.profiles import Profile, shown
from connectors.sandbox.iterable.project import Project
from connectors.sandbox.iterable.replies import bad_params, error, refuse, success
from connectors.sandbox.iterable.rows import UserRow
from connectors.sandbox.iterable.verdicts import Failure, Tally

_BULK: shapes.Spec = {"users": list, "createNewFields": bool, "updateOnly": bool}


def bulk_update(project: Project, call: Call) -> Answer:
    """Judge and write many rows, in their order; each has its own verdict."""
    body = shapes.read_object(call, _BULK, required=["users"])
    users = shapes.read_rows(call, body, "users", shapes.USER)
    if not users:
        raise refuse(400, "InvalidEmailAddressError", "Emails invalid: ")
    rows = [UserRow(user) for user in users]
    check = project.check_fields(body.get("createNewFields"))
    for row in rows:
        check.look(project.user_fields, row.data)
    check.close(project.user_fields)
    may_create = not (body.get("updateOnly") and project.settings.update_only_enabled)
    tally = Tally(project.settings.unknown_user_list)
    for row in rows:
        failure = project.identity.check(row, may_create=may_create) or oversized(row)
        if failure is None:
            project.write(partial(_write, project, row))
            tally.succeed()
        else:
            tally.fail(failure)
    return tally.users_answer(
        check.created, check.filtered, legacy=project.settings.legacy_envelope
    )


def update(project: Project, call: Call) -> Answer:
    """Write one user, or say with a status and a code why not."""
    user = shapes.read_object(call, shapes.SINGLE_USER)
    call.rows = [user]
    row = UserRow(user)
    check = project.check_fields(user.get("createNewFields"))
    check.look(project.user_fields, row.data)
    check.close(project.user_fields)
    failure = project.identity.check(row) or oversized(row)
    if failure is not None:
        raise single_refusal(failure)
    project.write(partial(_write, project, row))
    return success()


def get_by_email(project: Project, call: Call) -> Answer:
    email = call.parts.get("email") or call.query.get("email", "")
    if not is_email(email):
        raise refuse(400, "InvalidEmailAddressError", f"Invalid email: {email}")
    return _shown(project, project.profiles.by_email(email))


def get_by_user_id(project: Project, call: Call) -> Answer:
    user_id = call.parts.get("userId") or call.query.get("userId", "")
    found = project.profiles.by_user_id(user_id)
    if not found:
        body = {
            "error": "BadRequest",
            "message": "No user with that id exists!",
            "code": "error.users.noUserWithIdExists",
            "data": None,
        }
        return Answer.json(body, 400)
    return _shown(project, found)


def delete_by_email(project: Project, call: Call) -> Answer:
    """Delete, if there is such a user; either way the answer is the same."""
    email = call.parts["email"]
    if not is_email(email):
        raise refuse(400, "InvalidEmailAddressError", f"Invalid email: {email}")
    if project.kind == ProjectType.USERID:
        raise bad_params("Users of a userId-based project cannot be deleted by email")
    project.write(lambda _: _delete(project, project.profiles.by_email(email)))
    return success()


def delete_by_user_id(project: Project, call: Call) -> Answer:
    """Delete every profile with this userId."""
    user_id = call.parts["userId"]
    if not project.profiles.by_user_id(user_id):
        raise bad_params(f"No users with userId {user_id} exist")
    project.write(lambda _: _delete(project, project.profiles.by_user_id(user_id)))
    return success(f"All users associated with {user_id} were successfully deleted")


def get_fields(project: Project, _: Call) -> Answer:
    return Answer.json({"fields": project.user_fields.kinds()})


def oversized(row: UserRow) -> Failure | None:
    """The verdict on a row that carries a longer text than a field may hold."""
    if not row.is_oversized():
        return None
    if row.email is not None:
        return Failure("invalidData", "Emails", row.email)
    return Failure("invalidData", "UserIds", row.user_id or "")


def single_refusal(failure: Failure) -> RefusedError:
    """The same verdict, as the endpoints for one user put it."""
    who, by_email = failure.identifier, failure.identity == "Emails"
    match failure.reason:
        case "invalid" if by_email:
            answer = error(400, "InvalidEmailAddressError", f"Invalid email: {who}")
        case "invalid":
            answer = error(400, "InvalidUserIdError", f"Invalid userId: {who}")
        case "notFound" if by_email:
            answer = error(400, "UnknownEmailError", f"No user exists with email {who}")
        case "notFound":
            answer = error(400, "UnknownUserIdError", f"No user exists with userId {who}")
        case "conflict" if by_email:
            answer = error(409, "EmailAlreadyExists", f"Email already exists: {who}")
        case "conflict":
            answer = error(409, "UserIdAlreadyExists", f"UserId already exists: {who}")
        case "forgotten":
            answer = error(409, "ForgottenUserError", f"User is forgotten: {who}")
        case "invalidData":
            answer = error(400, "BadParams", f"Invalid value in dataFields of {who}")
        case _:
            answer = error(400, "BadParams", "Either email or userId must be specified")
    return RefusedError(answer)


def _write(project: Project, row: UserRow, now: float) -> None:
    project.write_user(row, now)


def _delete(project: Project, found: list[Profile]) -> None:
    for profile in found:
        project.delete(profile)


def _shown(project: Project, found: list[Profile]) -> Answer:
    if not found:
        return Answer.json({})
    profile = found[0]
    user: JsonObject = {}
    if profile.email is not None:
        user["email"] = profile.email
    if profile.user_id is not None:
        user["userId"] = profile.user_id
    user["dataFields"] = shown(profile, project.list_field)
    return Answer.json({"user": user})
