"""What owners leave to the fleet: real agents, a fake engine."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import Streaming, ask
from tests.fleet.harness import REPOSITORY, TURNS, Herd, fleet_of_fakes, node

SEEN_S = 2.0
"""From the verb to the fleet."""
HOUR_S = 3600.0


async def herd_node(data_dir: Path, *arguments: str) -> str:
    """A verb at the agent of node-1; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent", *arguments, "--data-dir", str(data_dir / "node-1")),
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("FLEET_")},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def capacity(fleet: Herd, node_id: str = "node-1") -> Any:
    """As /fleet/status has it; null where nothing is learned and nobody asked for anything."""
    return (await fleet.nodes())[node_id]["capacity"]


async def is_paused(fleet: Herd) -> bool:
    """Whether the fleet knows."""
    found = await capacity(fleet)
    return bool(found and found["mode"] == "paused")


async def state_is(fleet: Herd, state: str) -> bool:
    """By /fleet/status."""
    return bool((await fleet.nodes())["node-1"]["state"] == state)


async def is_as_before(fleet: Herd) -> bool:
    """Whether nothing is asked any more."""
    return await capacity(fleet) is None


async def test_a_node_that_learns_serves_from_its_first_minute(tmp_path: Path) -> None:
    agents = {"enable_capacity_learning": True}
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], agents=agents) as fleet,
    ):
        (await ask(fleet)).must_be_from("node-1")
        found = await capacity(fleet)
        assert found["mode"] == "bootstrap"
        assert found["reason"] == "bootstrap_observation_period"
        assert (found["ceiling_gb"], found["availability_score"]) == (None, 1.0)
        assert found["override_active"] is False
        assert 0 <= found["days_observed"] < 0.1
        assert 0 <= found["learning_confidence"] < 0.5
        assert await fleet.agents["node-1"].stop() == 0
    kept = tmp_path / "node-1" / "nodes" / "node-1" / "capacity.json"
    assert 0 < kept.stat().st_size <= 20_000


async def test_pause_takes_a_node_out_and_resume_brings_it_back(tmp_path: Path) -> None:
    """Two nodes. What runs on the paused one finishes, new calls go to the other; learning is off."""
    slow: dict[str, Any] = {"token_delay_s": 0.1, "tokens": 30}
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", slots=8, **slow) as first,
        FakeEngine.run(["m"], name="node-2", slots=8) as second,
        fleet_of_fakes(tmp_path, [first, second], policy=TURNS) as fleet,
    ):
        assert [await capacity(fleet, name) for name in ("node-1", "node-2")] == [None, None]
        stream = await Streaming.begin(fleet, "ollama")
        assert stream.node == "node-1"
        told = await herd_node(tmp_path, "pause", "--for", "2h")
        asked_at = time.monotonic()
        assert told.startswith("node-1 is paused: it takes no new calls until 20")
        await eventually(lambda: is_paused(fleet), SEEN_S)
        print(f"a pause is known after {time.monotonic() - asked_at:.2f} s")  # noqa: T201 - the figure is the point
        found = await capacity(fleet)
        assert (found["reason"], found["override_active"]) == ("manual_override", True)
        assert abs(found["until"] - time.time() - 2 * HOUR_S) < 60
        for dialect in ("ollama", "openai"):
            (await ask(fleet, dialect)).must_be_from("node-2")
        (await stream.rest()).must_be_from("node-1")
        await herd_node(tmp_path, "resume")
        await eventually(lambda: is_as_before(fleet), SEEN_S)
        (await ask(fleet)).must_be_from("node-1")


async def test_a_pause_survives_a_restart_and_ends_in_time(tmp_path: Path) -> None:
    """The only node is paused: calls wait for it, and are refused with the reason."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], hold_timeout=0.3) as fleet,
    ):
        await herd_node(tmp_path, "pause")
        await eventually(lambda: is_paused(fleet), SEEN_S)
        assert await fleet.agents["node-1"].stop() == 0
        async with node(tmp_path, fleet.address, "node-1", ollama=fake.address):
            await eventually(lambda: state_is(fleet, "paused"), 10)
            reply = await ask(fleet)
            assert reply.status == 503
            assert "node-1 is paused by its owner" in reply.error
            assert int(reply.headers["Retry-After"]) >= 1
            await herd_node(tmp_path, "pause", "--for", "2s")
            await eventually(lambda: is_as_before(fleet), 2 + 2 * SEEN_S)
            (await ask(fleet)).must_be_from("node-1")
