"""Every endpoint the sandbox has, on one screen. What is not here answers 404 with HTML."""

from __future__ import annotations

from collections.abc import Callable

from connectors.sandbox.iterable import export, segments, tracking, users
from connectors.sandbox.iterable.calls import Answer, Call
from connectors.sandbox.iterable.project import Project

Handler = Callable[[Project, Call], Answer]

ROUTES: dict[str, Handler] = {
    "POST /api/users/bulkUpdate": users.bulk_update,
    "POST /api/users/update": users.update,
    "GET /api/users/getByEmail": users.get_by_email,
    "GET /api/users/getFields": users.get_fields,
    "GET /api/users/byUserId": users.get_by_user_id,
    "GET /api/users/byUserId/{userId}": users.get_by_user_id,
    "DELETE /api/users/byUserId/{userId}": users.delete_by_user_id,
    "GET /api/users/{email}": users.get_by_email,
    "DELETE /api/users/{email}": users.delete_by_email,
    "POST /api/events/track": tracking.track,
    "POST /api/events/trackBulk": tracking.track_bulk,
    "GET /api/events/byUserId/{userId}": tracking.get_by_user_id,
    "GET /api/events/{email}": tracking.get_by_email,
    "POST /api/lists": segments.create,
    "GET /api/lists": segments.get_all,
    "POST /api/lists/subscribe": segments.subscribe,
    "POST /api/lists/unsubscribe": segments.unsubscribe,
    "GET /api/lists/getUsers": segments.get_users,
    "GET /api/lists/{listId}/size": segments.size,
    "DELETE /api/lists/{listId}": segments.delete,
    "GET /api/export/data.json": export.data_json,
}
