"""No value of a row, no key and no secret gets out of the path: a canary in each is looked for."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.e2e.system import API_KEY, PASSWORD, SYNC, TABLE, System, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CANARY = "zanzibarcanary"
SECRETS = (API_KEY, PASSWORD, "canary-mqr-key-0d9e")


def records(bootstrap: str, topic: str) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield key, value and headers of every record of a topic."""
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


def leaks(text: str) -> list[str]:
    """Return what of the canary or the secrets stands in a text."""
    return [word for word in (CANARY, *SECRETS, "@example") if word in text.lower()]


def test_no_personal_data_or_secret_leaves_the_path(system: System, kafka_bootstrap: str) -> None:
    """Also at DEBUG and through faults: logs, metrics, headers and the ledger hold none."""
    system.execute(
        f"UPDATE {TABLE} SET FIRST_NAME = '{CANARY}-first', LAST_NAME = '{CANARY}-last', "
        f"JOB_TITLE = '{CANARY}-job', DIM_MARKETING_CONTACT_ID = "
        f"CONCAT('{CANARY}-', DIM_MARKETING_CONTACT_ID) WHERE MOD(GITLAB_DOTCOM_USER_ID, 3) = 0"
    )
    # A text that Iterable refuses: one row in fifty becomes a dead letter.
    system.execute(
        f"UPDATE {TABLE} SET COMPANY_NAME = CONCAT('{CANARY}', REPEAT('x', 40000)) "
        "WHERE MOD(GITLAB_DOTCOM_USER_ID, 50) = 1"
    )
    system.look_at_model()
    for kind in ("500", "html", "cut_after_apply", "429_json"):
        system.post(
            "iterable", "faults", {"kind": kind, "endpoint": "/api/users/bulkUpdate", "count": 1}
        )
    worker = system.start("run", HIGHTIDE_LOG_LEVEL="debug")
    assert wait_until(
        lambda: (
            worker.metric("hightide_rows_total", outcome="rejected") > 0
            and worker.metric("hightide_in_flight_rows") == 0
        ),
        60,
    )
    url = f"http://127.0.0.1:{worker.port}/metrics"
    metrics = urllib.request.urlopen(url, timeout=5).read().decode()  # loopback
    assert 0 == worker.terminate()
    system.start("check")
    names = system.config.kafka.topic_prefix
    dead = list(records(kafka_bootstrap, f"{names}.dead-letters.{SYNC}"))
    rows = list(records(kafka_bootstrap, f"{names}.model.marketing_contacts"))
    ledger = list(records(kafka_bootstrap, f"{names}.ledger"))

    assert [] == leaks(system.logs())
    assert [] == leaks(metrics)
    assert [] == [word for _, _, headers in (*dead, *rows, *ledger) for word in leaks(headers)]
    # The ledger's watermark holds the key of the last row; nothing else of a row is in it.
    assert [] == [
        w for _, value, _ in ledger for w in (f"{CANARY}-first", *SECRETS) if w.encode() in value
    ]
    # The control: the canary is where it belongs, so this scan would find it.
    assert dead
    assert leaks("".join(str(value) for _, value, _ in dead))
    assert leaks("".join(str(value) for _, value, _ in rows))
    assert leaks(system.get("profiles").decode())
