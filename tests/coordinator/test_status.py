"""/fleet/status shows what a node reports of its machine."""

import asyncio
from typing import Any

import msgspec
import pytest

from coordinator.core.limits import Limits
from coordinator.status import SLICE, StatusReader
from coordinator.traces import StoreStatus
from shared.wire import Capacity, Gpu, Heartbeat, Memory, Power, Thermal
from tests.fakes.builders import GIB, a_beat, a_desk, with_loaded

TRACES = StoreStatus(path="latency.db", written=3, dropped=1, queued=0, error="latency.db: disk full")


def shown(**changes: Any) -> dict[str, Any]:
    """The node of a beat with `changes`, as JSON."""
    beat: Heartbeat = msgspec.structs.replace(a_beat("n1", with_loaded()), **changes)
    fleet = StatusReader(a_desk(beat), Limits(), {"traces": lambda: TRACES}, clock=lambda: 0.0).fleet()
    assert fleet["traces"] == TRACES
    node: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fleet))["nodes"][0]
    return node


@pytest.mark.parametrize(
    ("celsius", "state"), [(None, "unknown"), (40.0, "nominal"), (84.9, "nominal"), (85.0, "warning")]
)
def test_thermal_is_a_word_and_a_number(celsius: float | None, state: str) -> None:
    node = shown(thermal=Thermal(temperature_c=celsius, source="coretemp"))
    assert node["thermal"] == {"state": state, "temperature_c": celsius, "source": "coretemp"}


def test_power_and_swap() -> None:
    swap = Memory(total_bytes=4 * GIB, available_bytes=GIB, swap_total_bytes=2 * GIB, swap_used_bytes=GIB)
    node = shown(memory=swap, power=Power(on_battery=True, battery_pct=55.0))
    assert (node["memory"]["swap_total_gb"], node["memory"]["swap_used_gb"]) == (2.0, 1.0)
    assert node["power"] == {"on_battery": True, "battery_pct": 55.0}


def test_gpus_in_bytes_and_null_for_what_is_not_told() -> None:
    (gpu,) = shown(gpus=[Gpu(index=1, uuid="u", vram_total_bytes=24 * GIB, vram_used_bytes=GIB)])["gpus"]
    assert gpu == {
        **{"index": 1, "uuid": "u", "name": "", "vram_total_bytes": 24 * GIB, "vram_used_bytes": GIB},
        **{"vram_free_bytes": 0, "utilization_pct": None, "temperature_c": None, "power_watts": None},
        **{"processes": None, "bus": "", "pcie": None, "links": None},
    }


def test_capacity_is_null_until_something_is_learned_or_asked() -> None:
    assert shown()["capacity"] is None
    learned = Capacity(
        mode="learned_low",
        ceiling_bytes=4 * GIB,
        availability=0.33333,
        trend=-0.5,
        reason="low_availability",
        confidence=0.54,
        days_observed=8.25,
    )
    node = shown(capacity=learned)
    assert node["capacity"] == {
        **{"mode": "learned_low", "ceiling_gb": 4.0, "availability_score": 0.3333, "trend": -0.5},
        **{"reason": "low_availability", "override_active": False, "until": None},
        **{"learning_confidence": 0.54, "days_observed": 8.25},
    }
    assert node["state"] == "ready"


def test_a_paused_node_says_so_and_is_none_that_takes_calls() -> None:
    paused = Capacity(mode="paused", override=True, until=1_795_262_400.0)
    desk = a_desk(msgspec.structs.replace(a_beat("n1", with_loaded()), capacity=paused))
    reader = StatusReader(desk, Limits(), {}, clock=lambda: 0.0)
    (node,) = reader.fleet()["nodes"]
    assert (node["status"], node["state"]) == ("online", "paused")
    assert node["reason"] == "paused by its owner until 2026-11-21 12:00 UTC"
    assert reader.callable_nodes() == 0
    assert StatusReader(a_desk(a_beat("n1", with_loaded())), Limits(), {}, lambda: 0.0).callable_nodes() == 1


async def test_a_large_fleet_is_told_of_in_slices_and_alike() -> None:
    desk = a_desk(*(a_beat(f"n{number:03}", with_loaded("a", "b")) for number in range(3 * SLICE)))
    reader = StatusReader(desk, Limits(), {"traces": lambda: TRACES}, clock=lambda: 0.0)
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other_work())
    told = msgspec.json.decode(await reader.encoded())
    beside.cancel()
    whole = msgspec.json.decode(msgspec.json.encode(reader.fleet()))
    assert told.pop("timestamp") <= whole.pop("timestamp")
    assert told == whole
    assert whole["fleet"]["models_loaded"] == 6 * SLICE
    assert turns >= 3
