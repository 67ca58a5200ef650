"""Room of a node: the memory where models would live, what is loaded there, what the owner leaves."""

from typing import Any

import msgspec
import pytest

from coordinator.core.limits import Limits
from coordinator.core.room import GIB, Room, room_of
from shared.names import NodeId
from shared.wire import Capacity, Disk, Engine, Gpu, Hardware, Heartbeat, Memory, Replica
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, an_engine

LIMITS = Limits()


def beat(*engines: Engine, **changes: Any) -> Heartbeat:
    return msgspec.structs.replace(a_beat("n1", *engines), **changes)


def a_gpu(total: int, free: int) -> Gpu:
    return Gpu(vram_total_bytes=total * GIB, vram_free_bytes=free * GIB)


def loaded(name: str, gib: int, vram: int | None = None) -> Replica:
    return Replica(model=name, size_bytes=gib * GIB, vram_bytes=None if vram is None else vram * GIB)


def room(heard: Heartbeat, *, now: float = 0.0, loading: int = 0, coming: int = 0) -> Room:
    desk = a_desk(heard)
    return room_of(desk.fleet.nodes[NodeId("n1")], LIMITS, now, loading=loading, coming=coming)


MEMORY = Memory(total_bytes=64 * GIB, available_bytes=40 * GIB)
MAC = Hardware(unified_memory=True)


@pytest.mark.parametrize(
    ("changes", "total", "free"),
    [
        ({}, 64, 40),
        ({"gpus": [a_gpu(24, 20), a_gpu(24, 4)]}, 48, 24),
        ({"gpus": [a_gpu(64, 30)], "hardware": MAC}, 64, 40),
        ({"gpus": [a_gpu(0, 0)]}, 64, 40),  # VRAM of an unknown size is none
    ],
)
def test_memory_is_where_a_model_would_live(changes: dict[str, Any], total: int, free: int) -> None:
    found = room(beat(an_engine(), memory=MEMORY, **changes))
    assert (found.total, found.free) == (total * GIB, free * GIB)


def test_what_is_loaded_counts_in_that_memory_and_idle_models_can_go() -> None:
    replicas = [loaded("a", 10, 6), loaded("b", 4, 4)]
    engine = an_engine(a_model("a"), a_model("b"), replicas=replicas)
    heard = beat(engine, memory=MEMORY, gpus=[a_gpu(24, 14)])
    desk = a_desk(heard)
    desk.arrived(a_call(model="a"), 0.0)
    found = room_of(desk.fleet.nodes[NodeId("n1")], LIMITS, 0.0, loading=2 * GIB)
    assert (found.loaded, found.idle, found.free) == (12 * GIB, 4 * GIB, 12 * GIB)
    assert found.roomy == 16 * GIB
    assert found.spare(0.8) == int(24 * GIB * 0.8) - 12 * GIB
    host = room(beat(engine, memory=MEMORY))
    assert (host.loaded, host.idle) == (14 * GIB, 14 * GIB)


def test_the_owners_ceiling_bounds_all_models_together() -> None:
    engine = an_engine(a_model("a"), replicas=[loaded("a", 10)])
    found = room(beat(engine, memory=MEMORY, capacity=Capacity(ceiling_bytes=16 * GIB, availability=0.5)))
    assert (found.roomy, found.spare(0.8), found.availability) == (16 * GIB, 6 * GIB, 0.5)


def test_disk_and_memory_on_their_way_are_taken() -> None:
    heard = beat(an_engine(), memory=MEMORY, disk=Disk(total_bytes=100 * GIB, available_bytes=30 * GIB))
    found = room(heard, loading=15 * GIB, coming=20 * GIB)
    assert (found.free, found.loaded, found.disk_free) == (25 * GIB, 15 * GIB, 10 * GIB)
    assert room(heard, loading=90 * GIB, coming=90 * GIB).free == 0


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({}, ""),
        ({"draining": True}, "is draining"),
        ({"capacity": Capacity(mode="paused")}, "is paused by its owner"),
        ({"capacity": Capacity(mode="bootstrap")}, ""),
        ({"memory": Memory(pressure="critical")}, "is short of memory"),
        ({"engines": [an_engine(up=False)]}, "runs no Ollama that is up"),
        ({"engines": [Engine(name="llamacpp", kind="llama.cpp")]}, "runs no Ollama that is up"),
        ({"leaving": True}, "is left"),
    ],
)
def test_a_node_that_takes_nothing_new_says_why(changes: dict[str, Any], closed: str) -> None:
    assert room(beat(an_engine(), **changes)).closed == closed


def test_a_silent_or_cordoned_node_takes_nothing() -> None:
    assert room(beat(an_engine()), now=60.0).closed == "is lost"
    desk = a_desk(beat(an_engine()))
    desk.cordoned(NodeId("n1"), 0.0, on=True)
    assert room_of(desk.fleet.nodes[NodeId("n1")], LIMITS, 0.0).closed == "is cordoned"
