"""A node's GPUs, from the driver's library to /fleet/status."""

from pathlib import Path

import pytest

from tests.fakes.builders import GIB
from tests.fakes.control import FakeEngine
from tests.fakes.nvml import build_nvml
from tests.fleet.harness import fleet_of_fakes


async def test_a_nodes_gpus_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))  # for the agent: a child of this process
    monkeypatch.setenv("STANDIN_GPUS", "2")
    monkeypatch.setenv("STANDIN_REFUSES", "power,")
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as herd:
        node = (await herd.nodes())["node-1"]
    cards = [gpu for gpu in node["gpus"] if gpu["uuid"].startswith("GPU-0000-")]
    assert [(gpu["index"], gpu["vram_total_bytes"], gpu["vram_free_bytes"]) for gpu in cards] == [
        (0, 24 * GIB, 23 * GIB),
        (1, 24 * GIB, 22 * GIB),
    ]
    assert [gpu["power_watts"] for gpu in cards] == [None, None]
    assert node["hardware"]["memory_bandwidth_gbps"] == 1008
    assert not node["hardware"]["unified_memory"]
