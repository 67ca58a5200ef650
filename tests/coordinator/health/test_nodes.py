"""Checks of one node, with plain values."""

from typing import Any

import msgspec
import pytest

from coordinator.core.node import Standing, Status
from coordinator.health.report import report
from coordinator.health.snapshot import Loads, loads_of
from shared.wire import Disk, Gpu, Hardware, Memory, Replica, Thermal
from tests.fakes.builders import GIB, a_model, an_engine, with_loaded
from tests.fakes.seen import a_node, a_snapshot, found, the


def test_a_good_node_is_no_finding() -> None:
    assert found(a_snapshot()) == {}


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        ("offline", "lost", {"node_offline": "critical"}),
        ("offline", "left", {"node_offline": "info"}),
        ("degraded", "unreachable", {"node_degraded": "warning"}),
        ("degraded", "suspect", {"node_degraded": "warning"}),
        ("degraded", "late", {"node_degraded": "warning"}),
        ("degraded", "probing", {}),
        ("online", "draining", {}),
    ],
)
def test_how_a_node_stands(status: Status, state: str, expected: dict[str, str]) -> None:
    assert found(a_snapshot(a_node(standing=Standing(status, state, "some reason")))) == expected


def test_a_node_that_cannot_be_reached_is_told_why_and_what_mends_it() -> None:
    standing = Standing("degraded", "unreachable", "http://n1:11436: timed out")
    finding = the(a_snapshot(a_node(standing=standing)), "node_degraded")
    assert "--advertise" in finding.fix
    assert "timed out" in finding.description
    assert "No call goes there" in finding.description
    assert (finding.node_id, finding.data["gateway"]) == ("n1", "http://n1:11436")


def test_what_an_offline_node_said_last_is_no_finding() -> None:
    full = Disk(total_bytes=100 * GIB, available_bytes=0)
    lost = Standing("offline", "lost", "no heartbeat for 60 s")
    node = a_node(an_engine(up=False), standing=lost, disk=full, agent_version="old")
    assert set(found(a_snapshot(node))) == {"node_offline"}


def test_set_aside_by_a_person() -> None:
    node = a_node(cordoned=True, draining=True)
    assert found(a_snapshot(node)) == {"node_draining": "info", "node_cordoned": "info"}
    finding = the(a_snapshot(node), "node_cordoned")
    assert (finding.title, finding.fix) == ("n1 is cordoned", "When that is over: herd uncordon n1")
    drained = msgspec.structs.replace(node, drained=True)
    assert the(a_snapshot(drained), "node_cordoned").title == "n1 is drained"


def test_engines() -> None:
    down = an_engine(a_model("a"), up=False, reason="connection refused", name="second")
    alone = the(a_snapshot(a_node(down)), "engine_down")
    assert (alone.severity, alone.data["engine"], alone.data["models"]) == ("critical", "second", ["a"])
    assert "connection refused" in alone.description
    beside = a_node(with_loaded("a", "b", "c"), down)
    assert found(a_snapshot(beside)) == {"engine_down": "warning"}
    looked_for = an_engine(up=False, reason="nobody is at that port", name="third")
    assert found(a_snapshot(a_node(with_loaded("a", "b", "c"), looked_for))) == {}
    assert found(a_snapshot(a_node(looked_for)))["engine_down"] == "critical"
    without = a_node(engines=[])
    assert found(a_snapshot(a_node(), without)) == {"no_engine": "warning"}


@pytest.mark.parametrize(
    ("version", "expected"), [("1.2.4", {"version_mismatch": "warning"}), ("", {"version_unknown": "info"})]
)
def test_versions(version: str, expected: dict[str, str]) -> None:
    assert found(a_snapshot(a_node(agent_version=version))) == expected


def memory(**changes: Any) -> dict[str, str]:
    fields = {"total_bytes": 16 * GIB, "available_bytes": 4 * GIB, "swap_total_bytes": 8 * GIB} | changes
    return found(a_snapshot(a_node(memory=Memory(**fields))))


def test_memory_pressure_is_the_systems_word() -> None:
    assert memory() == {}
    assert memory(pressure="warn") == {"memory_pressure": "warning"}
    assert memory(pressure="critical") == {"memory_pressure": "critical"}
    assert memory(available_bytes=0) == {}


def test_swap() -> None:
    assert memory(swap_used_bytes=GIB - 1) == {}
    assert memory(swap_used_bytes=GIB) == {"swap_usage": "info"}
    assert memory(swap_used_bytes=2 * GIB) == {"swap_usage": "warning"}


@pytest.mark.parametrize(
    ("free", "expected"),
    [(10 * GIB, None), (10 * GIB - 1, "warning"), (2 * GIB, "warning"), (2 * GIB - 1, "critical")],
)
def test_disk(free: int, expected: str | None) -> None:
    node = a_node(disk=Disk(total_bytes=100 * GIB, available_bytes=free))
    assert found(a_snapshot(node)).get("disk_nearly_full") == expected
    assert found(a_snapshot(a_node(disk=Disk()))) == {}


def test_temperatures() -> None:
    assert found(a_snapshot(a_node(thermal=Thermal(temperature_c=84.9)))) == {}
    warm = a_node(
        thermal=Thermal(temperature_c=85.0), gpus=[Gpu(temperature_c=90.0), Gpu(temperature_c=50.0)]
    )
    assert found(a_snapshot(warm)) == {"high_temperature": "warning", "gpu_temperature": "warning"}


def test_idle_memory_counts_where_models_live() -> None:
    two = with_loaded("a", "b")
    free = Memory(total_bytes=16 * GIB, available_bytes=9 * GIB)
    assert found(a_snapshot(a_node(two, memory=free))) == {"underutilized_memory": "info"}
    assert found(a_snapshot(a_node(memory=free))) == {}
    fixed = msgspec.structs.replace(two, kind="llama.cpp")
    assert found(a_snapshot(a_node(fixed, memory=free))) == {}
    full_card = [Gpu(vram_total_bytes=24 * GIB, vram_free_bytes=GIB)]
    assert found(a_snapshot(a_node(two, memory=free, gpus=full_card))) == {}
    empty_card = [Gpu(vram_total_bytes=24 * GIB, vram_free_bytes=20 * GIB)]
    used = Memory(total_bytes=16 * GIB, available_bytes=GIB)
    finding = the(a_snapshot(a_node(two, memory=used, gpus=empty_card)), "underutilized_memory")
    assert finding.data == {"available_gb": 20.0, "total_gb": 24.0, "models_loaded": 2}


def test_a_model_that_is_loaded_again_and_again() -> None:
    now = 100_000.0
    events = [(now - 90_000, "m"), (now - 4000, "m"), *[(now - ago, "m") for ago in (30, 20, 10)], (now, "n")]
    loads = loads_of(events, now)
    assert loads == (Loads("m", 4, 3), Loads("n", 1, 1))
    idle = Memory(total_bytes=16 * GIB, available_bytes=15 * GIB)
    node = msgspec.structs.replace(a_node(with_loaded("a"), memory=idle), loads=loads)
    assert found(a_snapshot(node)) == {"model_thrashing": "warning"}
    assert report(a_snapshot(node))["vitals"]["cold_loads_24h"] == 5
    calm = msgspec.structs.replace(node, loads=loads_of(events[:-2], now))
    assert found(a_snapshot(calm)) == {"underutilized_memory": "info"}


def test_a_model_that_spills_out_of_vram() -> None:
    engine = with_loaded("a", "b", "c")
    spilt = msgspec.structs.replace(
        engine,
        replicas=[
            Replica(model="a", size_bytes=10 * GIB, vram_bytes=8 * GIB),
            Replica(model="b", size_bytes=10 * GIB, vram_bytes=10 * GIB),
            Replica(model="c", size_bytes=10 * GIB, vram_bytes=None),
        ],
    )
    cards = [Gpu(vram_total_bytes=24 * GIB, vram_free_bytes=GIB)]
    finding = the(a_snapshot(a_node(spilt, gpus=cards)), "model_partly_on_cpu")
    assert finding.data == {"model": "a", "vram_gb": 8.0, "size_gb": 10.0}
    assert found(a_snapshot(a_node(spilt))) == {}
    unified = a_node(spilt, gpus=cards, hardware=Hardware(unified_memory=True))
    assert "model_partly_on_cpu" not in found(a_snapshot(unified))
