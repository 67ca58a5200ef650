"""Rows of nodes and models from what /fleet/status tells: GPUs, orders of a person, copies that differ."""

from typing import Any

import msgspec

from coordinator.core.limits import Limits
from coordinator.status import StatusReader
from coordinator.verbs.listing import list_table, listed
from coordinator.verbs.models_view import models_of, models_table
from coordinator.verbs.nodes_view import nodes_table
from coordinator.verbs.stats_view import stats_of
from shared.names import NodeId
from shared.wire import Gpu, Heartbeat, Thermal
from tests.fakes.builders import GIB, MODEL, a_beat, a_desk, a_model, an_engine, with_loaded

CARD = Gpu(
    name="RTX 4090",
    vram_total_bytes=24 * GIB,
    vram_free_bytes=4 * GIB,
    utilization_pct=80.0,
    temperature_c=70.0,
    power_watts=300.0,
)


def status(*beats: Heartbeat, cordoned: str = "") -> dict[str, Any]:
    """/fleet/status of nodes with these beats, as JSON brings it."""
    desk = a_desk(*beats)
    if cordoned:
        desk.cordoned(NodeId(cordoned), 0.0, on=True)
    told = StatusReader(desk, Limits(), {}, clock=lambda: 0.0).fleet()
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(told))
    return read


def cells(table: Any, row: int = 0) -> dict[str, str]:
    """One row by its headings."""
    return dict(zip(table.headings, table.rows[row], strict=True))


def test_gpus_of_a_node_count_together() -> None:
    beat = msgspec.structs.replace(
        a_beat("n1", with_loaded()), gpus=[CARD, CARD], thermal=Thermal(temperature_c=80.0, source="cpu")
    )
    told = status(beat)
    row = cells(nodes_table(told, True))
    assert (row["VRAM"], row["GPU%"], row["TEMP"], row["POWER"]) == ("40.0/48.0", "80", "80", "600")
    node = stats_of(told, {"in_flight": 0, "pending": 0}, [], 1)["nodes"][0]
    assert (node["vram_used_gb"], node["vram_total_gb"], node["power_watts"]) == (40.0, 48.0, 600.0)


def test_a_node_without_gpus_has_empty_cells() -> None:
    row = cells(nodes_table(status(a_beat("n1", with_loaded())), True))
    assert (row["VRAM"], row["GPU%"], row["POWER"]) == ("", "", "")


def test_orders_stand_beside_the_state() -> None:
    row = cells(nodes_table(status(a_beat("n1", with_loaded()), cordoned="n1"), False))
    assert row["STATE"] == "cordoned"


def test_an_unsafe_engine_stands_beside_the_state() -> None:
    engine = an_engine(a_model(), version="0.17.0", open_at=["192.168.1.7"])
    told = status(a_beat("n1", engine), a_beat("n2", with_loaded()), cordoned="n1")
    assert cells(nodes_table(told, False))["STATE"] == "cordoned,unsafe"
    assert cells(nodes_table(told, True))["REASON"].endswith(
        "ollama faces the network at 192.168.1.7; Ollama 0.17.0 has known holes: CVE-2026-7482"
    )
    assert cells(nodes_table(told, True), 1)["STATE"] == "ready"
    for node in told["nodes"]:
        del node["unsafe"]
    assert cells(nodes_table(told, False))["STATE"] == "cordoned", "as an earlier coordinator tells it"


def test_copies_that_differ_are_told() -> None:
    old, new = (msgspec.structs.replace(a_model(), digest=digest) for digest in ("a" * 64, "b" * 64))
    told = status(a_beat("n1", an_engine(old)), a_beat("n2", an_engine(new)))
    details = {"fleet_nodes": ["n1", "n2"], "parameter_size": "4B", "quantization_level": "Q4_K_M"}
    tag = {
        "name": MODEL,
        "size": 1,
        "digest": "a" * 64,
        "modified_at": "",
        "capabilities": [],
        "details": details,
    }
    row = cells(list_table(listed({"models": [tag]}, told), False))
    assert (row["NODES"], row["DRIFT"]) == ("2/2", "yes")
    wide = cells(models_table({"models": models_of(told)}, True))
    assert (wide["NODES"], wide["ID"]) == ("0/2", f"{'a' * 12},{'b' * 12}")


def test_an_ollama_that_is_only_looked_for_is_no_engine_of_the_node() -> None:
    """Beside the one that stands in for it; where nothing else serves, it is told."""
    absent = an_engine(up=False, reason="connection refused")
    serving = msgspec.structs.replace(with_loaded(), name="embedded", kind="llama.cpp")
    row = cells(nodes_table(status(a_beat("n1", absent, serving)), False))
    assert row["ENGINES"] == "llama.cpp"
    assert cells(nodes_table(status(a_beat("n1", absent)), False))["ENGINES"] == "ollama(down)"
    known = msgspec.structs.replace(absent, version="0.30.0")
    row = cells(nodes_table(status(a_beat("n1", known, serving)), False))
    assert row["ENGINES"] == "ollama(down),llama.cpp"
