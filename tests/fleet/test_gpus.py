"""What a node is, from the drivers to /fleet/status: without a GPU, with two, with a driver that fails. Fake engine."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.sensors.memory_speed import FILE, Figure
from tests.fakes.builders import GIB
from tests.fakes.control import FakeEngine
from tests.fakes.nvml import build_nvml
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import Herd, fleet_of_fakes

DRIVER_NOT_LOADED, UNKNOWN = "9", "999"
EVERYTHING = "name,uuid,bus,memory,utilization,temperature,power,processes,generation,width,nvlink,peer,"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sets the environment of the agents that the test starts: they find the stand-in, with two GPUs."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))
    monkeypatch.setenv("STANDIN_GPUS", "2")
    return monkeypatch


def stand_ins(node: dict[str, Any]) -> list[dict[str, Any]]:
    """NVIDIA's cards: the machine may have others of its own."""
    return [gpu for gpu in node["gpus"] if gpu["uuid"].startswith("GPU-0000-")]


async def beats_on(herd: Herd) -> dict[str, Any]:
    """The node after some more beats: its agent is alive and its readings are shown."""
    for _ in range(3):
        old = (await herd.nodes())["node-1"]["heartbeat_age_s"]
        heard = time.monotonic() - old

        async def heard_again(heard: float = heard) -> bool:
            node = (await herd.nodes())["node-1"]
            return bool(time.monotonic() - node["heartbeat_age_s"] > heard + 0.1)

        await eventually(heard_again, 10)
    node: dict[str, Any] = (await herd.nodes())["node-1"]
    assert node["status"] == "online"
    assert node["memory"]["total_gb"] > 0
    assert node["disk"]["total_gb"] > 0
    assert node["cpu"]["cores_physical"] >= 1
    assert (await ask(herd)).status == 200
    return node


async def test_a_machine_without_a_gpu(driver: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver.setenv("STANDIN_GPUS", "0")
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        assert stand_ins(await beats_on(herd)) == []


async def test_a_nodes_gpus_are_shown(driver: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver.setenv("STANDIN_REFUSES", "power,")
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        node = await beats_on(herd)
    first, second = stand_ins(node)
    assert first == {
        **{"index": 0, "uuid": "GPU-0000-0", "bus": "0000:1a:00.0", "name": "NVIDIA GeForce RTX 4090"},
        **{"vram_total_bytes": 24 * GIB, "vram_used_bytes": GIB, "vram_free_bytes": 23 * GIB},
        **{"utilization_pct": 40.0, "temperature_c": 60.0, "power_watts": None, "processes": 0},
        "pcie": {"generation": 4, "width": 16},
        "links": [
            {"kind": "nvlink", "peer": "0000:1b:00.0", "count": 2},
            {"kind": "nvlink", "peer": "0000:c0:00.0", "count": 1},
        ],
    }
    assert (second["index"], second["vram_free_bytes"], second["processes"]) == (1, 22 * GIB, 1)
    assert (node["hardware"]["memory_bandwidth_gbps"], node["hardware"]["memory_bandwidth_source"]) == (
        1008,
        "table",
    )
    assert not node["hardware"]["unified_memory"]


@pytest.mark.parametrize(
    ("switch", "value", "shown"),
    [
        ("STANDIN_INIT", DRIVER_NOT_LOADED, 0),
        ("STANDIN_DRIVER", DRIVER_NOT_LOADED, 0),
        ("STANDIN_DRIVER", UNKNOWN, 0),
        ("STANDIN_LOST", "0", 1),
    ],
)
async def test_a_driver_that_fails(
    driver: pytest.MonkeyPatch, tmp_path: Path, switch: str, value: str, shown: int
) -> None:
    driver.setenv(switch, value)
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        assert len(stand_ins(await beats_on(herd))) == shown


async def test_a_driver_that_refuses_every_question(driver: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver.setenv("STANDIN_REFUSES", EVERYTHING)
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        node = await beats_on(herd)
    refused = [gpu for gpu in node["gpus"] if not gpu["name"]]
    assert [(gpu["index"], gpu["vram_total_bytes"], gpu["links"], gpu["pcie"]) for gpu in refused] == [
        (0, 0, None, None),
        (1, 0, None, None),
    ]


async def test_a_driver_that_hangs_delays_no_later_beat_and_no_end(
    driver: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first beat waits for the driver for some seconds, as it should; then beats go on without it."""
    driver.setenv("STANDIN_HANG", "3600")
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        assert stand_ins(await beats_on(herd)) == []
        agent = herd.agents["node-1"]
        assert "takes longer than" in agent.log.read_text()
        began = time.monotonic()
        assert await agent.stop() == 0
        assert time.monotonic() - began < 5


async def test_the_speed_of_memory_that_was_found_out_is_told(
    driver: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of the machine that runs the test, which may be one that the table knows."""
    driver.setenv("STANDIN_GPUS", "0")
    kept = tmp_path / "node-1" / "nodes" / "node-1" / FILE
    told = []
    for measure in (False, True):
        async with (
            FakeEngine.run(["m"]) as fake,
            fleet_of_fakes(tmp_path, [fake], agents={"measure_memory": measure}) as herd,
        ):

            async def known(herd: Herd = herd, measure: bool = measure) -> bool:
                return not measure or bool(
                    (await herd.nodes())["node-1"]["hardware"]["memory_bandwidth_gbps"]
                )

            await eventually(known)
            told.append((await herd.nodes())["node-1"]["hardware"])
        kept.write_bytes(msgspec.json.encode(Figure(told[0]["chip"], 12.5)))
    if told[0]["memory_bandwidth_source"] == "table":
        assert told[1]["memory_bandwidth_gbps"] == told[0]["memory_bandwidth_gbps"]
    else:
        assert (told[1]["memory_bandwidth_gbps"], told[1]["memory_bandwidth_source"]) == (12.5, "measured")
