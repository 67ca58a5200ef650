"""An Ollama that faces the network, or has known holes, is told wherever the fleet is looked at. Real programs."""

import contextlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.exposure import candidates
from shared.interfaces import own_addresses
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes, herd
from tests.fleet.looking import beat, checks
from tests.fleet.verbs import Said, verb

OWN = [ip for ip in candidates(own_addresses()) if ":" not in ip]
"""Which listening on 0.0.0.0 means."""
SOON = {"exposure_interval": 0.2}
QUICK_S = 15.0
networked = pytest.mark.skipif(not OWN, reason="this machine has no IPv4 address but loopback")


async def told(fleet: Herd, node_id: str = "node-1") -> list[str]:
    """Its `unsafe` of /fleet/status."""
    return [str(each) for each in (await fleet.nodes())[node_id]["unsafe"]]


async def said_by(fleet: Herd, *arguments: str) -> Said:
    return await verb("coordinator", *arguments, "--url", fleet.address)


async def doctored(fleet: Herd, data_dir: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What `herd doctor` finds, by check and node."""
    flags = (f"--port={urlsplit(fleet.address).port}", "--host=127.0.0.1", f"--data-dir={data_dir / 'herd'}")
    said = await verb("coordinator", "doctor", *flags, "--wait", "0", "-o", "json")
    return {(each["check_id"], each["node_id"]): each for each in json.loads(said.out)["findings"]}


@networked
async def test_one_that_faces_the_network_is_told_until_it_is_back_on_loopback(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-2") as sound,
        contextlib.AsyncExitStack() as running,
    ):
        bad = await running.enter_async_context(
            FakeEngine.run(["m"], loaded=["m"], name="node-1", host="0.0.0.0", version="0.1.20")
        )
        port = urlsplit(bad.address).port or 0
        async with fleet_of_fakes(tmp_path, [bad, sound], agents=SOON) as fleet:

            async def faces() -> bool:
                return any("faces the network" in each for each in await told(fleet))

            await eventually(faces, QUICK_S)
            (engine,) = (await fleet.nodes())["node-1"]["engines"]
            assert OWN[0] in engine["open_at"]
            words, holes = await told(fleet)
            assert words.startswith(f"ollama faces the network at {OWN[0]}")
            assert holes.startswith("Ollama 0.1.20 has known holes: CVE-")
            assert await told(fleet, "node-2") == []

            health = await fleet.get("/dashboard/api/health")
            severities = checks(health, "node-1")
            assert (severities["engine_hole"], severities["engine_open"]) == ("critical", "warning")
            assert not {"engine_hole", "engine_open"} & set(checks(health, "node-2"))
            found = await doctored(fleet, tmp_path)
            assert found["engine_open", "node-1"]["title"].startswith(
                "On node-1: the Ollama faces the network"
            )
            assert found["engine_hole", "node-1"]["severity"] == "critical"

            rows = (await said_by(fleet, "nodes", "-o", "wide")).out.splitlines()
            assert "ready,unsafe" in rows[1]
            assert rows[1].endswith(f"{words}; {holes}")
            assert "unsafe" not in rows[2]
            assert "ready,unsafe" in (await said_by(fleet, "nodes")).out
            assert f"  unsafe    {words}\n" in (await said_by(fleet, "describe", "node", "node-1")).out
            assert " UNSAFE node-1: herd doctor" in (await said_by(fleet, "top", "--once")).out

            await running.aclose()
            mended = FakeEngine.run(["m"], loaded=["m"], name="node-1", port=port)
            await running.enter_async_context(mended)

            async def is_well() -> bool:
                (engine,) = (await fleet.nodes())["node-1"]["engines"]
                return bool(engine["up"] and engine["version"] == "0.30.0" and await told(fleet) == [])

            await eventually(is_well, QUICK_S)
            health = await fleet.get("/dashboard/api/health")
            assert not {"engine_hole", "engine_open"} & set(checks(health, "node-1"))
            assert "unsafe" not in (await said_by(fleet, "nodes")).out
            assert "UNSAFE" not in (await said_by(fleet, "top", "--once")).out
            assert ("engine_open", "node-1") not in await doctored(fleet, tmp_path)


@networked
async def test_the_doctor_of_the_node_sees_the_same(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"], host="0.0.0.0") as fake:
        flags = (f"--ollama-host={fake.address}", "--engine=ollama", "--gateway-port=0")
        where = ("--router-url=http://127.0.0.1:9", f"--data-dir={tmp_path}", "--wait=0")
        said = await verb("agent", "doctor", *flags, *where, "-o", "json")
    found = {each["check_id"]: each for each in json.loads(said.out)["findings"]}
    assert found["engine_open"]["data"]["addresses"] == OWN
    assert found["engine_open"]["node_id"] is None


async def test_an_old_one_on_loopback_has_a_hole_and_is_not_broken(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], version="0.17.0") as fake,
        fleet_of_fakes(tmp_path, [fake], agents=SOON) as fleet,
    ):
        assert await told(fleet) == ["Ollama 0.17.0 has known holes: CVE-2026-7482"]
        severities = checks(await fleet.get("/dashboard/api/health"), "node-1")
        assert severities["engine_hole"] == "warning"
        assert "engine_open" not in severities


async def test_an_agent_of_an_earlier_version_tells_nothing_of_it(tmp_path: Path) -> None:
    async with herd(tmp_path, open=True) as fleet:
        await beat(fleet, "old", engines=[{"name": "ollama", "kind": "ollama", "version": "0.30.0"}])
        (engine,) = (await fleet.nodes())["old"]["engines"]
        assert (engine["open_at"], await told(fleet, "old")) == ([], [])
