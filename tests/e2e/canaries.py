"""Canaries: one in each column, key and secret; and every place a person or machine may look at."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from kafka import KafkaConsumer, TopicPartition

from tests.e2e.system import API_KEY, MODEL, PASSWORD, SYNC, TABLE, System, WorkerProcess

WORD = "zanzibarcanary"
USER_ID = 770_077_770_000_000_000
DAY = "1931-07-09"
KAFKA_PASSWORD = "canary-kafka-password-4b1d"
PASSPHRASE = "canary-passphrase-9e3c"
SECRETS = (API_KEY, PASSWORD, "canary-mqr-key-0d9e", KAFKA_PASSWORD, PASSPHRASE)
WORDS = (WORD, DAY, str(USER_ID)[:9], "@example", *SECRETS)

_TEXTS = (
    "FIRST_NAME",
    "LAST_NAME",
    "COUNTRY",
    "JOB_TITLE",
    "GITLAB_USER_NAME",
    "GITLAB_DOTCOM_ACTIVE_STATE",
    "PREV_HASH",
)


def leaks(text: str) -> list[str]:
    """Return which canaries stand in a text."""
    return [word for word in WORDS if word in text.lower()]


def plant(system: System) -> None:
    """Put canaries into each column of a third of the rows, and one row in fifty beyond a field."""
    texts = ", ".join(f"{name} = '{WORD}-{name.lower()}'" for name in _TEXTS)
    system.execute(
        f"UPDATE {TABLE} SET {texts}, "
        f"EMAIL_ADDRESS = CONCAT('{WORD}.', EMAIL_ADDRESS), "
        f"DIM_MARKETING_CONTACT_ID = CONCAT('{WORD}-', DIM_MARKETING_CONTACT_ID), "
        f"MAX_TRIAL_START_DATE = '{DAY} 10:11:12'::TIMESTAMP_NTZ, "
        f'NAMESPACES_ARRAY = PARSE_JSON(\'[{{"name": "{WORD}-namespace"}}]\'), '
        f"GITLAB_DOTCOM_USER_ID = GITLAB_DOTCOM_USER_ID + {USER_ID} "
        f"WHERE MOD(GITLAB_DOTCOM_USER_ID, 3) = 0"
    )
    # A text that Iterable refuses: these rows become dead letters.
    system.execute(
        f"UPDATE {TABLE} SET COMPANY_NAME = CONCAT('{WORD}', REPEAT('x', 40000)) "
        "WHERE MOD(GITLAB_DOTCOM_USER_ID, 50) = 1"
    )


def plant_secrets(system: System) -> None:
    """Let every secret there can be have a canary, also those that open nothing here."""
    config: dict[str, Any] = yaml.safe_load(system.config_path.read_text())
    for name, secret in (("kafka", KAFKA_PASSWORD), ("passphrase", PASSPHRASE)):
        (system.folder / name).write_text(secret)
    config["kafka"]["security"] = {
        "sasl_plain_username": "hightide",
        "sasl_plain_password": {"file": str(system.folder / "kafka")},
    }
    config["sources"]["snowflake"]["connection"]["private_key_file_pwd"] = {
        "file": str(system.folder / "passphrase")
    }
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))


@dataclass(frozen=True, slots=True)
class Topics:
    """Every record that is written, as key, value and headers."""

    dead: list[tuple[bytes, bytes, str]]
    rows: list[tuple[bytes, bytes, str]]
    ledger: list[tuple[bytes, bytes, str]]


def topics(system: System) -> Topics:
    """Read all topics to their ends."""
    bootstrap, prefix = system.config.kafka.bootstrap_servers[0], system.config.kafka.topic_prefix
    names = (f"{prefix}.dead-letters.{SYNC}", f"{prefix}.model.{MODEL}", f"{prefix}.ledger")
    return Topics(*(list(_records(bootstrap, name)) for name in names))


def page(worker: WorkerProcess) -> str:
    """The metrics as they are served."""
    url = f"http://127.0.0.1:{worker.port}/metrics"
    return bytes(urllib.request.urlopen(url, timeout=5).read()).decode()  # loopback


def printed(system: System, *command: str, module: tuple[str, ...] = ("worker",)) -> str:
    """Run a command to its end; everything it says."""
    done = subprocess.run(  # our own command
        [sys.executable, "-m", *module, *command, "-c", str(system.config_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def found(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the places where canaries stand, and which."""
    return {place: words for place, text in texts.items() if (words := leaks(text))}


def places(system: System, metrics: str, printed_json: str, written: Topics) -> dict[str, str]:
    """Return what stands in each place in which no canary may be."""

    def headers(records: list[tuple[bytes, bytes, str]]) -> str:
        return "".join(one for _, _, one in records)

    return {
        "logs": system.logs(),
        "metrics": metrics,
        "printed": printed_json,
        "dead-letter headers": headers(written.dead),
        "row headers": headers(written.rows),
        "ledger headers": headers(written.ledger),
    }


def _records(bootstrap: str, topic: str) -> Iterator[tuple[bytes, bytes, str]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(p) < end for p, end in ends.items()):
            for batch in consumer.poll(timeout_ms=500).values():
                for record in batch:
                    yield record.key, record.value, repr(record.headers)
    finally:
        consumer.close()
