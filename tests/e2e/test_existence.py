"""Update by e-mail with whole processes: every profile is brought up to date, none is made."""

from __future__ import annotations

import pytest
import yaml

from tests.e2e.system import SYNC, System

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]


def test_an_update_by_e_mail_makes_nobody(system: System) -> None:
    """Half of the model's users have no profile: theirs are looked up, as the rows are young."""
    config = yaml.safe_load(system.config_path.read_text())
    config["syncs"][SYNC]["match"] = {"email": "EMAIL_ADDRESS"}
    system.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
    system.look_at_model()
    before = len(system.get("profiles").splitlines())

    assert 0 == system.start("poll", "--once").process.wait(timeout=60), system.logs()
    deliver = system.start("deliver", "--until-idle")
    assert 0 == deliver.process.wait(timeout=90), system.logs()

    verdict = system.compare()
    assert (0, 0, 0) == (verdict.different, verdict.missing, verdict.unexpected)
    assert before == len(system.get("profiles").splitlines()) > 500
    assert '"total": ' in deliver.log.read_text()  # the index, made by one export
    assert b'"status":429' not in system.get("journal").replace(b" ", b"")
