"""What `herd describe node` says, from what /fleet/nodes/NODE answers."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.status import StatusReader
from coordinator.verbs.describe import described
from shared.names import NodeId
from shared.wire import EngineEvent, Gpu, Hardware
from tests.fakes.builders import GIB, a_beat, a_desk, a_model, a_replica, an_engine, with_loaded

AT = 1_700_000_000.0
EVENT = EngineEvent(
    number=1,
    at=AT,
    engine="embedded",
    kind="out of memory",
    rung="as it was",
    then="fewer slots instead of as it was",
    code=-9,
    lines=["failed to allocate buffer for kv cache"],
)
CLOUD = replace(with_loaded("big"), name="cloud", kind="openai", restricted="cost", price_in=0.5, price_out=2)
EMBEDDED = replace(
    an_engine(
        a_model("small", abilities=["chat", "tools"]), a_model("cold"), replicas=[a_replica("small", slots=2)]
    ),
    name="embedded",
    kind="llama.cpp",
    version="1.2",
)


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def node(**changes: Any) -> dict[str, Any]:
    """As it comes over the network."""
    beat = replace(a_beat("n1", EMBEDDED, CLOUD), **changes)
    status = StatusReader(a_desk(beat), Limits(), {}, clock=lambda: 1.0).node(NodeId("n1"))
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(status))
    return told


def test_a_node_with_all_that_there_is() -> None:
    gpu = Gpu(index=0, name="RTX", vram_total_bytes=24 * GIB, vram_free_bytes=20 * GIB)
    hardware = Hardware(arch="x86_64", chip="Ryzen", memory_bandwidth_gbps=80.5)
    text = described(node(events=[EVENT], gpus=[gpu], hardware=hardware, agent_version="0.1"))
    assert text.splitlines() == [
        "n1  online",
        "  gateway   http://n1:11436, herd-node 0.1, heard 1.0 s ago",
        "  calls     0 running",
        "  machine   Ryzen, x86_64, 4 cores, 16.0 of 16.0 GiB free, 80.5 GB/s",
        "  gpu 0     RTX, 20.0 of 24.0 GiB free",
        "engines:",
        "  embedded    llama.cpp 1.2, up",
        "              small, loaded, 0 of 2 slots busy, chat tools",
        "              cold, not loaded",
        "  cloud       openai, up",
        "              only for calls that allow it (cost, 0.5 and 2 a million tokens in and out)",
        "              big, loaded, 0 of 1 slots busy",
        "events:",
        "  2023-11-14 22:13:20  embedded: out of memory, signal 9 (as it was); fewer slots instead of as it was",
        "                       failed to allocate buffer for kv cache",
    ]


def test_a_long_name_of_an_engine_stands_apart_from_its_kind() -> None:
    long = replace(EMBEDDED, name="serverlessllm")
    assert "  serverlessllm llama.cpp 1.2, up" in described(node(engines=[long])).splitlines()


def test_what_is_unsafe_of_it_stands_with_how_it_is() -> None:
    engine = replace(with_loaded("small"), version="0.17.0", open_at=["192.168.1.7"])
    assert described(node(engines=[engine])).splitlines()[3:5] == [
        "  unsafe    ollama faces the network at 192.168.1.7",
        "  unsafe    Ollama 0.17.0 has known holes: CVE-2026-7482",
    ]


def test_a_node_that_has_nothing() -> None:
    text = described(node(engines=[], draining=True))
    assert text.startswith("n1  online, drained: nothing runs; ")
    assert text.endswith("engines: none\nevents: none")


def test_one_that_only_an_order_knows() -> None:
    desk = a_desk()
    desk.cordoned(NodeId("gone"), 0.0, on=True)
    text = described(StatusReader(desk, Limits(), {}, clock=lambda: 1.0).node(NodeId("gone")))
    assert text.splitlines()[0] == (
        "gone  offline, absent: nothing was heard of it since the coordinator's start"
    )


def test_scripts_read_the_same_in_status() -> None:
    (event,) = node(events=[EVENT])["events"]
    assert event == {
        **{"at": AT, "engine": "embedded", "kind": "out of memory", "rung": "as it was", "code": -9},
        **{"then": EVENT.then, "lines": EVENT.lines},
    }
