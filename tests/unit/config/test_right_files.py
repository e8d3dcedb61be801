"""The shipped example is the user's own setup; secrets are read where they are named."""

from __future__ import annotations

from pathlib import Path

import pytest

import worker.config
from worker.config.document import ConfigError
from worker.config.load import base_url, load_config
from worker.config.objects import UsersSync
from worker.config.secrets import SecretRef, plain, resolve
from worker.config.settings import load_settings
from worker.rules.schedule import DAILY, Continuous, Cron, Every, Schedule

EXAMPLE = Path(worker.config.__file__).parent / "example.yaml"
SQL = """\
SELECT
  *
FROM
  SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL
WHERE
  TO_DATE(GITLAB_DOTCOM_CREATED_DATE) > DATEADD(MONTH, -1, GETDATE())
  AND GITLAB_DOTCOM_LAST_LOGIN_DATE IS NOT NULL
  AND GITLAB_DOTCOM_ACTIVE_STATE IS NOT NULL
  AND NAMESPACES_ARRAY IS NOT NULL
"""


def changed(tmp_path: Path, old: str, new: str) -> Path:
    path = tmp_path / "hightide.yaml"
    path.write_text(EXAMPLE.read_text().replace(old, new, 1))
    return path


def test_the_example_is_the_users_setup() -> None:
    """Sync `iterable-production`, users, update, every 24 h, 1.5 million MQR."""
    config = load_config(EXAMPLE)
    sync = config.syncs["iterable-production"]

    assert ("users", "update", Every(86_400.0)) == (sync.object, sync.mode, sync.schedule)
    assert (1_500_000, "stop") == (config.mqr.limit, config.mqr.on_limit)


@pytest.mark.parametrize(
    ("said", "schedule"),
    [
        ("every: 15m", Every(900.0)),
        ("every: 90", Every(90.0)),
        ("nulls: clear", Every(86_400.0)),
        ("every:", Every(86_400.0)),
        ("every:\n    cron:\n    continuous: 5m", Continuous(300.0)),
        ('cron: "45  8 * * *"', Cron("45 8 * * *", "UTC")),
        ('cron: "45 8 * * *"\n    zone: Europe/Berlin', Cron("45 8 * * *", "Europe/Berlin")),
        ("continuous: 30s", Continuous(30.0)),
    ],
)
def test_a_sync_says_when_its_model_is_polled(
    tmp_path: Path, said: str, schedule: Schedule
) -> None:
    """By interval, by time of day, or without a pause; once a day when it says nothing."""
    config = load_config(changed(tmp_path, "every: 24h", said))

    assert schedule == config.syncs["iterable-production"].schedule


def test_a_model_has_the_schedules_of_all_its_syncs() -> None:
    """Of its own only; a model without a sync is read daily, so that its topic is complete."""
    config = load_config(EXAMPLE)
    sync = config.syncs["iterable-production"].model_dump()
    syncs = {
        "a": UsersSync(**sync),
        "b": UsersSync(**{**sync, "every": None, "continuous": "30s"}),
        "c": UsersSync(**{**sync, "model": "other"}),
    }
    config = config.model_copy(update={"syncs": syncs})

    assert (Every(86_400.0), Continuous(30.0)) == config.schedules("marketing_contacts")
    assert (DAILY,) == config.schedules("nobodys")


def test_the_examples_sql_is_theirs_word_for_word() -> None:
    """Not a space more, not one less."""
    assert SQL == load_config(EXAMPLE).models["marketing_contacts"].sql


def test_no_secret_stands_in_the_example() -> None:
    """And none is read by loading it: `check` works without them."""
    assert "/var/run/secrets/hightide/iterable-api-key" in EXAMPLE.read_text()
    with pytest.raises(ConfigError, match="iterable-api-key can't be read"):
        load_config(EXAMPLE).destinations["iterable"].api_key.read()


@pytest.mark.parametrize(
    "url", ["https://x.y", "http://127.0.0.1:80", "http://[::1]:8", "http://localhost:8/"]
)
def test_a_base_url_stands_for_the_region(tmp_path: Path, url: str) -> None:
    """Https anywhere, http on loopback."""
    config = load_config(changed(tmp_path, "region: us", f"base_url: {url}"))

    assert url == base_url(config.destinations["iterable"])


@pytest.mark.parametrize(
    ("region", "url"), [("us", "https://api.iterable.com"), ("eu", "https://api.eu.iterable.com")]
)
def test_a_region_has_its_own_address(tmp_path: Path, region: str, url: str) -> None:
    """Two data centers."""
    config = load_config(changed(tmp_path, "region: us", f"region: {region}"))

    assert url == base_url(config.destinations["iterable"])


def test_connector_options_pass_through(tmp_path: Path) -> None:
    """Host, port and whatever else the connector takes, as they are."""
    path = changed(tmp_path, "role: HIGHTIDE_ROLE", "port: 8080\n      login_timeout: 5")
    connection = load_config(path).sources["snowflake"].connection

    assert (8080, 5) == (connection["port"], connection["login_timeout"])


def test_bootstrap_servers_may_be_one_text(tmp_path: Path) -> None:
    """As every other tool writes them."""
    path = changed(tmp_path, "[kafka:9092]", '"a:1, b.c:2,[::1]:3"')

    assert ["a:1", "b.c:2", "[::1]:3"] == load_config(path).kafka.bootstrap_servers


def test_a_secret_file_is_read_at_every_call(tmp_path: Path) -> None:
    """A rotated key is seen without a restart; the line end is not part of it."""
    path = tmp_path / "key"
    reference = SecretRef(file=path)
    path.write_text("one\n")
    first = reference.read()
    path.write_text("two")

    assert ("one", "two") == (first, reference.read())


def test_a_secret_that_is_missing_says_where_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File or variable, by name."""
    (tmp_path / "empty").write_text(" \n")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    for reference, where in (
        (SecretRef(file=tmp_path / "none"), "none can't be read"),
        (SecretRef(file=tmp_path / "empty"), "empty is empty or missing: set it"),
        (SecretRef(env="NO_SUCH_KEY"), "environment variable NO_SUCH_KEY is empty or missing"),
    ):
        with pytest.raises(ConfigError, match=where):
            reference.read()


def test_options_are_parted_into_plain_ones_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are read when they are needed, so that they may rotate."""
    monkeypatch.setenv("THE_KEY", "s3cret")
    options = {"user": "U", "password": {"env": "THE_KEY"}, "session_parameters": {"X": 1}}

    assert {"password": "s3cret"} == resolve(options)
    assert {"user": "U", "session_parameters": {"X": 1}} == plain(options)


def test_a_reference_never_shows_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does its repr in a log or a traceback."""
    monkeypatch.setenv("THE_KEY", "s3cret")

    assert "s3cret" not in repr(SecretRef(env="THE_KEY"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("HIGHTIDE_PORT", "70000"), ("HIGHTIDE_PORT", "a"), ("HIGHTIDE_LOG_LEVEL", "loud")],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One sentence with the variable in it."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"environment variable {name}"):
        load_settings()
