"""What happens to an engine is told: /fleet/status and `herd describe node`. The real llama.cpp, real programs."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from shared.wire import EVENTS_A_BEAT
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, herd, node, real_fleet
from tests.fleet.verbs import verb

pytestmark = pytest.mark.real_engine


async def events(fleet: Herd, node_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await fleet.nodes())[node_id]["events"]
    return found


def engine_pid(data_dir: Path, node_id: str) -> int:
    """Of the process that the agent has written down."""
    (file,) = (data_dir / node_id).glob("nodes/*/engines/embedded.json")
    return int(json.loads(file.read_bytes())["pid"])


async def test_a_kill_is_shown_and_described(tmp_path: Path) -> None:
    async with real_fleet(tmp_path) as fleet:
        assert await events(fleet, "node-1") == []
        os.kill(engine_pid(tmp_path, "node-1"), signal.SIGKILL)
        await eventually(lambda: events(fleet, "node-1"), 20)
        (event,) = await events(fleet, "node-1")
        told = {name: event[name] for name in ("engine", "kind", "rung", "then", "code")}
        assert told == {
            **{"engine": "embedded", "kind": "killed from outside", "rung": "as it was"},
            **{"then": "again at once", "code": -9},
        }
        said = await verb("coordinator", "describe", "node", "node-1", f"--url={fleet.address}")
        assert (said.code, said.err) == (0, "")
        assert "embedded: killed from outside, signal 9 (as it was); again at once" in said.out
        said = await verb("coordinator", "describe", "node", "node-1", f"--url={fleet.address}", "-ojson")
        assert json.loads(said.out)["events"] == [event]
        said = await verb("coordinator", "describe", "node", "node-7", f"--url={fleet.address}")
        assert (said.code, said.out) == (3, "")
        assert "did you mean node-1?" in said.err


async def test_a_coordinator_that_is_started_anew_hears_of_it_too(tmp_path: Path) -> None:
    model = tmp_path / "bad.gguf"
    model.write_bytes(ensure_random_model(tmp_path).read_bytes()[:-1000])
    async with herd(tmp_path) as first:
        port = int(first.address.rpartition(":")[2])
        async with node(tmp_path, first.address, "n", embedded_model=model):
            await eventually(lambda: refused(first), 20)
            await first.kill()
            async with herd(tmp_path, port=port) as second:
                await eventually(lambda: refused(second), 20)
                (event,) = await events(second, "n")
                assert (event["kind"], event["then"]) == ("model file", "next try in 600 s")
                assert "it did not arrive whole" in event["lines"][0]


async def test_more_than_one_beat_may_tell_comes_with_the_next(tmp_path: Path) -> None:
    false, count = shutil.which("false"), EVENTS_A_BEAT + 3
    engines = ",".join(f"vllm:name=e{number}:program={false}:model=m" for number in range(count))
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine=engines):

        async def all_told() -> bool:
            known = await fleet.nodes()
            return "n" in known and len({each["engine"] for each in known["n"]["events"]}) == count

        await eventually(all_told, 20)


async def refused(fleet: Herd) -> bool:
    nodes = await fleet.nodes()
    return "n" in nodes and bool(nodes["n"]["events"])
