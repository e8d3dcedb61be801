"""A wrong configuration is one sentence: the file, the line, the key and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

import worker.config
from worker.config.document import ConfigError
from worker.config.load import load_config

EXAMPLE = (Path(worker.config.__file__).parent / "example.yaml").read_text()


def sentence(tmp_path: Path, old: str, new: str, text: str = EXAMPLE) -> str:
    """Return what is said of the example with one thing changed."""
    assert old in text
    path = tmp_path / "hightide.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    said = str(raised.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said.removeprefix(f"{path} ")


def line_of(text: str, source: str = EXAMPLE) -> int:
    """Return the line of the first line that holds `text`."""
    return next(i for i, line in enumerate(source.splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("old", "new", "key", "fix", "marker"),
    [
        (
            "    primary_key: DIM_MARKETING_CONTACT_ID\n",
            "",
            "primary_key",
            "is missing: add it",
            "marketing_contac",
        ),
        (
            "    watermark: LAST_CHANGED\n",
            "    watermark: LAST_CHANGED\n    watermark_zone: America/Los_Angeles\n",
            "watermark_zone",
            "only UTC: a wall clock with summer time goes backwards once a year",
            "# The key is made of",
        ),
        ("  limit: 1500000", "  limt: 5", "mqr.limt", "is not a setting here: remove it", "limit:"),
        ("  limit: 1500000", "  limit: lots", "mqr.limit", "write a whole number", "limit:"),
        (
            "  partitions: 6",
            "  partitions: 0",
            "kafka.partitions",
            "must be at least 1",
            "partitions:",
        ),
        (
            "source: snowflake",
            "source: snow",
            "models.marketing_contacts.source",
            "snowflake",
            "source: s",
        ),
        (
            "model: marketing_contacts",
            "model: m",
            "syncs.iterable-production.model",
            "marketing_contacts",
            "model: m",
        ),
        ("destination: iterable", "destination: i", "destination", "iterable", "destination: it"),
        ("  every: 24h", "  every: daily", "every", "30s, 5m, 24h or 1d", "every:"),
        ("  every: 24h", "  every: 0", "every", "must be more than 0", "every:"),
        ("every: 24h", "continuous: 0", "continuous", "must be more than 0", "every:"),
        ("every: 24h", "continuous: often", "continuous", "30s, 5m, 24h or 1d", "every:"),
        ("every: 24h", 'cron: "45 24 * * *"', "cron", "bad hour; write five fields", "every:"),
        ("every: 24h", "cron: daily", "cron", "write five fields", "every:"),
        (
            "every: 24h",
            'cron: "45 8 * * *"\n    zone: Mars',
            "zone",
            "UTC or America/Los_Angeles",
            "match:",
        ),
        ("zone: UTC", "zone: Mars/Base", "mqr.zone", "America/Los_Angeles", "zone:"),
        ("mode: update", "mode: insert", "mode", "upsert", "mode:"),
        ("start_day: 1", "start_day: 32", "mqr.start_day", "31", "start_day"),
        ("firstName: FIRST", "email: FIRST", "fields.email", "map another name", "firstName"),
        (
            "firstName: FIRST",
            "subscribedXIds: F",
            "fields.subscribedXIds",
            "map another name",
            "firstName",
        ),
        ("mode: update", "mode: update\n    existence: maybe", "existence", "look_up", "every:"),
        (
            "mode: update",
            "mode: upsert\n    existence: index",
            "existence",
            "only update asks who exists: remove it",
            "every:",
        ),
        (
            "match: { userId: G",
            "existence: prefer_user_id\n    match: { email: G",
            "existence",
            "use index, or match by userId",
            "match:",
        ),
        ("region: us", "region: mars", "region", "'us' or 'eu'", "region"),
        (
            "    region: us\n",
            "",
            "destinations.iterable",
            "region (us, eu) or base_url",
            "  iterable:",
        ),
        (
            "api_key: { file: /var/run/secrets/hightide/iterable-api-key }",
            "api_key: abc",
            "api_key",
            "write {file: PATH} or {env: NAME}",
            "api_key",
        ),
    ],
)
def test_every_mistake_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, key: str, fix: str, marker: str
) -> None:
    """One thing wrong, one sentence about it."""
    said = sentence(tmp_path, old, new)

    assert said.startswith(f"line {line_of(marker)}: ")
    assert key in said
    assert fix in said


@pytest.mark.parametrize(
    "name", ["password", "private_key", "token", "passcode", "private_key_file_pwd"]
)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    """The sentence shows how to name it, never what it is."""
    said = sentence(tmp_path, "      role: HIGHTIDE_ROLE", f"      {name}: hunter2")

    assert f"{name} is a secret: write {{file: PATH}} or {{env: NAME}}" in said
    assert "hunter2" not in said
    assert f"line {line_of('connection:')}" in said


def test_no_wrong_value_is_repeated(tmp_path: Path) -> None:
    """It may be a secret in the wrong place."""
    assert "hunter2" not in sentence(tmp_path, "  limit: 1500000", "  limit: hunter2")
    key = "api_key: { file: /var/run/secrets/hightide/iterable-api-key }"
    assert "hunter2" not in sentence(tmp_path, key, "api_key: hunter2")
    assert "hunter2" not in sentence(tmp_path, key, "api_key: { value: hunter2 }")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.iterable.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com:80",
        "http://10.0.0.1",
        "ftp://localhost",
        "//localhost",
        "https://",
        "localhost:8080",
    ],
)
def test_plain_http_is_for_loopback_only(tmp_path: Path, url: str) -> None:
    """The API key would travel in the open."""
    said = sentence(tmp_path, "region: us", f"base_url: {url}")

    assert "destinations.iterable.base_url: must be https (http is for loopback only)" in said


def test_region_and_base_url_are_one_too_many(tmp_path: Path) -> None:
    """Which of them is meant can't be guessed."""
    said = sentence(tmp_path, "region: us", "region: us\n    base_url: https://x.y")

    assert "say either region (us, eu) or base_url" in said


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ('every: 24h\n    cron: "45 8 * * *"', "a sync has one schedule: keep one of every, cron"),
        ("continuous: 30s\n    every: 24h", "keep one of every, continuous"),
        (
            'continuous: 30s\n    cron: "45 8 * * *"\n    every: 1h',
            "keep one of every, cron, continuous",
        ),
        ("every: 24h\n    zone: UTC", "zone is the time zone of cron: remove it, or say when with"),
        ("zone: UTC", "zone is the time zone of cron"),
    ],
)
def test_a_sync_has_one_schedule(tmp_path: Path, said: str, fix: str) -> None:
    """Which of two is meant can't be guessed, and a zone alone says no time."""
    found = sentence(tmp_path, "every: 24h", said)

    assert found.startswith(f"line {line_of('iterable-production:')}: syncs.iterable-production: ")
    assert fix in found


def test_a_key_that_is_there_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    """YAML would silently take the last one."""
    said = sentence(tmp_path, "  limit: 1500000", "  limit: 1500000\n  limit: 9")
    line = line_of("limit: 1500000")

    assert f"line {line + 1}: mqr.limit is there twice (first on line {line}): keep one" == said


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", ""])
def test_a_file_that_is_no_mapping_says_what_belongs_there(tmp_path: Path, text: str) -> None:
    """An empty file too."""
    assert "write sources, models, destinations, syncs" in sentence(tmp_path, "", "", text)


def test_what_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    """Where the parser gave up."""
    assert sentence(tmp_path, "", "", "a: 1\nb: [1\nc: 2\n").startswith("line 3: not YAML")


def test_a_file_that_is_not_there_says_how_to_name_one(tmp_path: Path) -> None:
    """By flag or by environment."""
    with pytest.raises(ConfigError, match=r"nope\.yaml can't be read .* --config or HIGHTIDE_CON"):
        load_config(tmp_path / "nope.yaml")


def test_bytes_that_are_no_text_are_said_to_be_none(tmp_path: Path) -> None:
    """Not a traceback of a decoder."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path)


def test_a_userid_project_is_not_matched_by_email(tmp_path: Path) -> None:
    """Its profiles have no address to be found by."""
    text = EXAMPLE.replace("project_type: email", "project_type: userId")
    text = text.replace("mode: update", "mode: upsert")
    said = sentence(tmp_path, "match: { userId: G", "match: { email: G", text)

    assert "match: a userId project is matched by userId" in said
