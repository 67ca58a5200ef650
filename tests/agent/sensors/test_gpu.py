"""All makers' cards together."""

from pathlib import Path

import msgspec
import pytest

from agent.sensors.gpu import GpuSensor
from agent.sensors.nvidia import Nvidia
from shared.wire import Gpu
from tests.agent.sensors.test_amd import a_card
from tests.fakes.builders import GIB


async def test_amds_cards_follow_nvidias(tmp_path: Path) -> None:
    others, _ = Nvidia().read()
    sensor = GpuSensor(tmp_path)
    assert len(await sensor.gpus()) == len(others)
    a_card(tmp_path, "card0", unique_id="one", mem_info_vram_total=24 * GIB)
    gpus = await sensor.gpus()
    assert [gpu.uuid for gpu in gpus] == [*(gpu.uuid for gpu in others), "one"]
    assert gpus or sensor.reason


async def test_this_machines_own_pass_the_wires_limits() -> None:
    gpus = await GpuSensor().gpus()
    assert msgspec.json.decode(msgspec.json.encode(gpus), type=list[Gpu]) == gpus


def test_a_missing_driver_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sensor = GpuSensor(tmp_path)
    if sensor.read():
        assert sensor.reason == ""
    else:
        assert sensor.reason
    assert not caplog.records or caplog.records[0].levelname == "DEBUG"
