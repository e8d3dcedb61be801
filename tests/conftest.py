"""Fixtures for every test; what they stand on is in modules beside this one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.brokers import RunBroker, refusal, run_broker, unproved
from tests.stand_ins import StandIn, run_stand_in, run_warehouse

GIVEN_UP_SOCKET = r"Exception ignored in. <socket\.socket "
_RUN_BROKER = pytest.StashKey[RunBroker]()


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors, except what kafka-python does and no test can help.

    Importing it warns of calls that Python kept; and a client that is closed while it connects
    leaves its socket to the garbage collector, in whatever test that comes by. That none stays for
    good is a test of its own (test_kafka_outage.py).
    """
    for harmless in (
        "ignore:(read|open)_text is deprecated:DeprecationWarning",
        f"ignore:{GIVEN_UP_SOCKET}:pytest.PytestUnraisableExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", harmless)


@pytest.fixture(scope="session")
def _run_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunBroker]:
    with run_broker(os.environ, tmp_path_factory.mktemp("broker")) as broker:
        if sentence := refusal(broker, os.environ):
            pytest.exit(sentence, returncode=pytest.ExitCode.USAGE_ERROR)
        request.config.stash[_RUN_BROKER] = broker
        yield broker


@pytest.fixture(scope="session")
def kafka_bootstrap(_run_broker: RunBroker) -> str:
    """Where this run's broker listens; started once, by the first test that asks."""
    return _run_broker.bootstrap


@pytest.fixture(scope="session")
def kafka_kind(_run_broker: RunBroker) -> str:
    """`apache`, `embedded` or `named`: tests of what the stand-in cannot do skip on it."""
    return _run_broker.kind


@pytest.fixture
def topic_prefix() -> str:
    """A short prefix of the test's own, so that its topics and groups are fresh."""
    return f"t{uuid.uuid4().hex[:8]}-"


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A Snowflake stand-in with 2,000 contacts. Shared: a test that changes rows may do so."""
    with run_warehouse(tmp_path_factory.mktemp("warehouse")) as part:
        yield part


@pytest.fixture(scope="session")
def iterable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """An Iterable stand-in of an e-mail-based project. Shared: keys and settings are put back."""
    with run_stand_in("iterable", tmp_path_factory.mktemp("iterable"), "--no-limits") as part:
        yield part


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say loudly what a run on the stand-in leaves unproved."""
    broker = config.stash.get(_RUN_BROKER, None)
    if broker is not None and (sentence := unproved(broker)):
        terminalreporter.section("the broker was a stand-in", sep="!", red=True, bold=True)
        terminalreporter.write_line(sentence, red=True, bold=True)
