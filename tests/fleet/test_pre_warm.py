"""Under load the model's runner-up is loaded, once. Real programs, fake engines."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming, ask
from tests.fleet.comparing import last_call
from tests.fleet.harness import fleet_of_fakes

STAY: dict[str, Any] = {
    "policy": "weighted",
    "score_queue_depth_max_penalty": 0,
    "score_wait_time_max_penalty": 0,
}
"""Calls go where the model is loaded, as long as there is a place."""


async def test_the_runner_up_is_loaded_once_while_all_warm_places_are_taken(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=4, tokens=1000, token_delay_s=0.05) as warm,
        FakeEngine.run(["m"], name="node-2", slots=4) as cold,
        fleet_of_fakes(tmp_path, [warm, cold], pre_warm_after=0.3, **STAY) as herd,
    ):

        async def ordered() -> int:
            return (await cold.state()).by_path.get("/api/generate", 0)

        streams = [await Streaming.begin(herd) for _ in range(3)]
        assert {stream.node for stream in streams} == {"node-1"}
        await asyncio.sleep(1.0)  # a place is left: nothing is loaded
        assert await ordered() == 0
        streams.append(await Streaming.begin(herd))
        await eventually(ordered)
        sent = msgspec.json.decode((await last_call(cold, "/api/generate")).body)
        assert sent == {"model": "m", "stream": False}

        async def shown() -> bool:
            node = (await herd.nodes())["node-2"]
            return bool(node["ollama"]["models_loaded"])

        await eventually(shown)
        assert (await ask(herd)).node == "node-2"
        await asyncio.sleep(1.0)  # it stays one, while the load goes on
        assert await ordered() == 1
        assert (await herd.get("/fleet/status"))["loads"] == []
        for stream in streams:
            stream.abort()
