"""Whether fields are made at the destination is a setting of users and of events."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

import worker.config
from connectors.iterable.client import IterableClient, Reply
from connectors.records import Item, MappedRow
from worker.app.parts import Parts
from worker.config.load import load_config
from worker.config.settings import Settings

EXAMPLE = (Path(worker.config.__file__).parent / "example.yaml").read_text()
SYNC = "iterable-production"
EVENTS = "object: events\n    event_name: login\n    created_at: AT\n    mode: insert"


@pytest.mark.parametrize("what", ["object: users\n    mode: update", EVENTS])
@pytest.mark.parametrize(("said", "expected"), [("", True), ("\n    create_fields: no", False)])
async def test_each_call_says_whether_fields_may_be_made(
    what: str, said: str, *, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may, unless it is said otherwise."""
    bodies: list[bytes] = []

    async def post(_: IterableClient, __: str, body: bytes) -> Reply:
        bodies.append(body)
        return Reply(200, b'{"successCount":1,"failCount":0}')

    monkeypatch.setattr(IterableClient, "post", post)
    old = "object: users\n    mode: update"
    assert old in EXAMPLE
    (tmp_path / "hightide.yaml").write_text(EXAMPLE.replace(old, what + said, 1))
    config = load_config(tmp_path / "hightide.yaml")
    made = Parts(config, Settings(state_dir=tmp_path)).destination(SYNC)
    item = made.encode(MappedRow("7", {}, {"createdAt": 1_767_268_800}), b"1")
    assert isinstance(item, Item)
    await made.deliver([item])
    [body] = map(orjson.loads, bodies)

    assert expected is body.get("events", [body])[0]["createNewFields"]
