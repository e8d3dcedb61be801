"""Load `hightide.yaml`: one clear sentence for the first thing that is wrong."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from worker.config.document import ConfigError, Document, read_document
from worker.config.objects import OBJECTS, ListsSync, SyncConfig, UsersSync, reserved_field
from worker.config.sentences import sentence
from worker.config.syncs import Config, DestinationConfig

REGION_URLS = {"us": "https://api.iterable.com", "eu": "https://api.eu.iterable.com"}


def load_config(path: Path) -> Config:
    """Return the checked configuration; ConfigError names file, line, key and fix."""
    document = read_document(path)
    if not isinstance(document.content, dict):
        raise document.error((), "write sources, models, destinations, syncs, kafka and mqr")
    try:
        config = Config.model_validate(document.content)
    except ValidationError as error:
        raise _first(document, error) from None
    _check_references(document, config)
    for name, destination in config.destinations.items():
        _check_url(document, name, destination)
    for name, sync in config.syncs.items():
        _check_sync(document, name, sync, config)
    return config


def base_url(destination: DestinationConfig) -> str:
    """Return where a destination's API is."""
    return destination.base_url or REGION_URLS[destination.region or "us"]


def _first(document: Document, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    # pydantic puts "[key]" behind the place when the key itself is at fault.
    place = [part for part in first["loc"] if part != "[key]"]
    if place[:1] == ["syncs"] and place[2:3] and place[2] in OBJECTS:
        del place[2]  # which object it is of, not a key of the file
    if first["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        return document.error([*place, "object"], f"say one of {', '.join(OBJECTS)}")
    return document.error(place, sentence(first))


def _check_references(document: Document, config: Config) -> None:
    for name, model in config.models.items():
        _known(document, ("models", name, "source"), model.source, config.sources)
    for name, sync in config.syncs.items():
        _known(document, ("syncs", name, "model"), sync.model, config.models)
        _known(document, ("syncs", name, "destination"), sync.destination, config.destinations)


def _known(document: Document, place: tuple[str, ...], name: str, there: object) -> None:
    names = sorted(there) if isinstance(there, dict) else []
    if name not in names:
        raise document.error(place, f"there is no {name!r}; there are: {', '.join(names)}")


def _check_url(document: Document, name: str, destination: DestinationConfig) -> None:
    place = ("destinations", name, "base_url")
    if (destination.region is None) == (destination.base_url is None):
        raise document.error(place[:2], "say either region (us, eu) or base_url")
    if destination.base_url is None:
        return
    url = urlsplit(destination.base_url)
    if url.scheme == "https" and url.hostname:
        return
    if url.scheme != "http" or not _is_loopback(url.hostname or ""):
        raise document.error(place, "must be https (http is for loopback only)")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_sync(document: Document, name: str, sync: SyncConfig, config: Config) -> None:
    place = ("syncs", name)
    if field := reserved_field(sync):
        raise document.error((*place, "fields", field), "is Iterable's own field: map another name")
    project = config.destinations[sync.destination].project_type
    if "email" in sync.match and project == "userId":
        raise document.error((*place, "match"), "a userId project is matched by userId")
    if isinstance(sync, UsersSync):
        _check_existence(document, (*place, "existence"), sync, project)
    if isinstance(sync, ListsSync):
        _check_list(document, place, sync, config)


def _check_existence(
    document: Document, place: tuple[str, ...], sync: UsersSync, project: str
) -> None:
    if sync.existence is None:
        return
    if sync.mode != "update":
        raise document.error(place, "only update asks who exists: remove it, or say mode: update")
    if sync.existence == "prefer_user_id" and not ("userId" in sync.match and project == "email"):
        raise document.error(
            place,
            "prefer_user_id works for rows matched by userId in an e-mail-based project: use "
            "index, or match by userId",
        )


def _check_list(
    document: Document, place: tuple[str, str], sync: ListsSync, config: Config
) -> None:
    [(identifier, column)] = sync.match.items()
    in_email_project = config.destinations[sync.destination].project_type == "email"
    if not sync.create_profiles and in_email_project and identifier == "email":
        raise document.error(
            (*place, "create_profiles"),
            "in an e-mail-based project Iterable makes a profile of each address that is put on a "
            "list: match by userId, or leave create_profiles out",
        )
    if sync.mode == "remove" and (ignored := sync.model_fields_set & {"fields", "create_profiles"}):
        raise document.error(
            (*place, min(ignored)),
            "who is taken off a list gets no fields and no profile: leave it out, or use add",
        )
    if sync.mode != "mirror":
        return
    model = config.models[sync.model]
    if not model.is_snapshot:
        raise document.error(
            (*place, "mode"),
            f"a mirror must see which rows leave: say read: snapshot in models.{sync.model}, or "
            "use add or remove",
        )
    if column != (model.partition_by or model.primary_key):
        raise document.error(
            (*place, "mode"),
            "a mirror needs all rows of a profile in order: say "
            f"partition_by: {column} in models.{sync.model}",
        )
