"""Who pulled or deleted a model goes on with the next breath: no beat has to be waited for. A fake engine."""

from pathlib import Path

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.asking import ask
from tests.fleet.comparing import asked
from tests.fleet.harness import fleet_of_fakes

JSON = {"Content-Type": "application/json"}
SELDOM = {"heartbeat_interval": 600}
"""Seconds between beats: longer than the test."""


@pytest.mark.parametrize("stream", [True, False])
async def test_a_pulled_model_can_be_asked_at_once_and_a_deleted_one_is_gone(
    tmp_path: Path, stream: bool
) -> None:
    async with (
        FakeEngine.run(["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], agents=SELDOM, settle_time=0, heartbeat_offline=600) as herd,
    ):
        pulled = await asked(herd, "/api/pull", msgspec.json.encode({"model": "new:7b", "stream": stream}))
        assert pulled.status == 200
        reply = await ask(herd, "ollama", stream=False, model="new:7b")
        assert (reply.status, reply.node) == (200, "node-1")

        order = msgspec.json.encode({"node_id": "node-1", "model": "new:7b"})
        deleted = await asked(herd, "/dashboard/api/delete", order, headers=JSON)
        assert deleted.status == 200
        assert [model["name"] for model in (await herd.get("/api/tags"))["models"]] == ["m"]
