"""What events and lists need is said when the file is loaded, not by a list of wrong people."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.app.roles import model
from worker.config.document import ConfigError
from worker.config.load import load_config
from worker.config.syncs import Config

EVENTS: dict[str, Any] = {
    "object": "events",
    "event_name": "login",
    "created_at": "LAST_CHANGED",
    "match": {"userId": "USER_ID"},
}
MIRROR: dict[str, Any] = {
    "object": "lists",
    "mode": "mirror",
    "list": "vip",
    "match": {"userId": "USER_ID"},
}
WHOLE = {"read": "snapshot", "primary_key": "USER_ID", "partition_by": None}


def loaded(
    tmp_path: Path,
    sync: dict[str, Any],
    model: dict[str, Any] | None = None,
    project_type: str = "email",
) -> Config:
    """Return the example with its model changed and this sync instead of its own."""
    config: dict[str, Any] = yaml.safe_load(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    )
    config["models"]["marketing_contacts"] |= model or {}
    config["destinations"]["iterable"]["project_type"] = project_type
    config["syncs"] = {"s": {"model": "marketing_contacts", "destination": "iterable", **sync}}
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return load_config(path)


def without(sync: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in sync.items() if name != key}


@pytest.mark.parametrize(
    ("sync", "key", "fix"),
    [
        (without(EVENTS, "event_name"), "syncs.s.event_name", "is missing: add it"),
        (without(EVENTS, "created_at"), "syncs.s.created_at", "is missing: add it"),
        (EVENTS | {"event_name": ""}, "syncs.s.event_name", "is empty: write it"),
        (EVENTS | {"mode": "upsert"}, "syncs.s.mode", "'insert'"),
        (EVENTS | {"list": "vip"}, "syncs.s.list", "is not a setting here"),
        (without(MIRROR, "list"), "syncs.s.list", "is missing: add it"),
        (without(MIRROR, "mode"), "syncs.s.mode", "is missing: add it"),
        (MIRROR | {"mode": "upsert"}, "syncs.s.mode", "'add', 'remove' or 'mirror'"),
        (MIRROR | {"event_name": "x"}, "syncs.s.event_name", "is not a setting here"),
        (MIRROR | {"object": "list"}, "syncs.s.object", "say one of users, events, lists"),
    ],
)
def test_what_an_object_needs_is_said_with_its_place(
    tmp_path: Path, sync: dict[str, Any], key: str, fix: str
) -> None:
    """Of this object, not of every one that there is."""
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, sync, WHOLE)

    assert f" {key}: " in str(raised.value)
    assert fix in str(raised.value)


def test_a_mirror_of_a_model_read_by_watermark_is_refused(tmp_path: Path) -> None:
    """It would never take anybody off the list."""
    with pytest.raises(ConfigError, match=r"read: snapshot in models\.marketing_contacts"):
        loaded(tmp_path, MIRROR)


@pytest.mark.parametrize("mode", ["add", "remove"])
def test_adding_and_removing_need_no_snapshot(tmp_path: Path, mode: str) -> None:
    """Rows that leave are nothing to them."""
    assert loaded(tmp_path, MIRROR | {"mode": mode}).syncs["s"].mode == mode


@pytest.mark.parametrize(
    ("primary_key", "partition_by", "loads"),
    [
        ("USER_ID", None, True),
        ("CONTACT_ID", "USER_ID", True),
        ("USER_ID", "USER_ID", True),
        ("CONTACT_ID", None, False),
        ("CONTACT_ID", "COUNTRY", False),
        ("USER_ID", "COUNTRY", False),
    ],
)
def test_a_mirror_needs_the_rows_of_a_profile_in_one_partition(
    tmp_path: Path, primary_key: str, partition_by: str | None, *, loads: bool
) -> None:
    """Else who left by one key and came by another could end off the list."""
    said = WHOLE | {"primary_key": primary_key, "partition_by": partition_by}
    if loads:
        assert loaded(tmp_path, MIRROR, said).syncs
    else:
        with pytest.raises(ConfigError, match="say partition_by: USER_ID in models"):
            loaded(tmp_path, MIRROR, said)


@pytest.mark.parametrize(
    ("match", "project_type", "loads"),
    [
        ("userId", "email", True),
        ("userId", "userId", True),
        ("userId", "hybrid", True),
        ("email", "hybrid", True),
        ("email", "email", False),
    ],
)
def test_profiles_can_be_left_unmade_except_by_address_in_an_email_project(
    tmp_path: Path, match: str, project_type: str, *, loads: bool
) -> None:
    """There Iterable makes one for each address, whatever it is told."""
    sync = MIRROR | {"mode": "add", "create_profiles": False, "match": {match: "WHO"}}
    if loads:
        assert loaded(tmp_path, sync, None, project_type).syncs
    else:
        with pytest.raises(ConfigError, match=r"s\.create_profiles: .* match by userId, or leave"):
            loaded(tmp_path, sync, None, project_type)


@pytest.mark.parametrize("sync", [EVENTS, MIRROR | {"mode": "add"}], ids=["events", "lists"])
def test_a_userid_project_is_not_matched_by_email(tmp_path: Path, sync: dict[str, Any]) -> None:
    """Whatever the object."""
    with pytest.raises(ConfigError, match="a userId project is matched by userId"):
        loaded(tmp_path, sync | {"match": {"email": "EMAIL_ADDRESS"}}, None, "userId")


def test_a_model_needs_the_columns_of_an_events_time_and_id(tmp_path: Path) -> None:
    """Without one of them nothing is published, as with any mapped column."""
    fields = {"id": "DEVICE_ID", "createdAt": "BOUGHT"}
    config = loaded(tmp_path, EVENTS | {"event_id": "EVENT_ID", "fields": fields})
    needed = model("marketing_contacts", config).needed_columns

    assert {"USER_ID", "LAST_CHANGED", "EVENT_ID", "DEVICE_ID", "BOUGHT"} == needed
