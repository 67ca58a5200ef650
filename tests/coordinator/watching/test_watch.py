"""Pictures of a Desk, from plain values."""

from typing import Any

import msgspec

from coordinator.core.call import Origin, Placed, Tokens
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.journal import CallRecord
from coordinator.top.header import alerts_of
from coordinator.watching.watch import NODES_TOLD, Watch
from shared.names import CallId, NodeId
from shared.wire import Gpu
from tests.fakes.builders import GIB, MODEL, a_beat, a_call, a_desk, a_model, an_engine, join, with_loaded
from tests.fakes.traces import a_trace

WALL = 1_000.0
"""Unix time at 0 of the Desk's clock."""


class Scene:
    """A Desk with a clock that stands where it is put."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.records: dict[CallId, CallRecord] = {}
        self.now = 10.0
        self.watch = Watch(
            desk, Limits(), lambda: self.records, "home", lambda: self.now, lambda: WALL + self.now
        )

    def arrives(self, call_id: str, model: str = MODEL, **fields: Any) -> CallRecord:
        """A call; where it is placed, its record says so."""
        call = msgspec.structs.replace(a_call(call_id, model), **fields)
        record = self.records[call.id] = CallRecord(call, self.now)
        for decision in self.desk.arrived(call, self.now):
            if isinstance(decision, Placed):
                record.placed(decision.placement, self.now)
        return record

    def row(self, call_id: str) -> dict[str, Any]:
        """Of a call in the picture."""
        found: dict[str, Any] = self.watch.picture()["requests"][call_id]
        return found


def test_a_call_goes_through_its_phases() -> None:
    scene = Scene(a_desk(a_beat("n1", an_engine(a_model()))))
    record = scene.arrives("c1", estimated_tokens=12)
    scene.arrives("c2")
    assert (scene.row("c1")["phase"], scene.row("c2")["phase"]) == ("loading", "held")
    assert scene.row("c1")["tokens_in"] == 12
    scene.now += 2
    record.first_byte_at = scene.now
    scene.desk.first_byte(CallId("c1"), scene.now)
    scene.now += 4
    record.pieces_out = 40
    row = scene.row("c1")
    assert (row["phase"], row["tokens_out"], row["tokens_per_s"]) == ("decode", 40, 10.0)
    assert row["arrived_at"] == WALL + 10
    record.tokens = Tokens(9, 41)
    assert (scene.row("c1")["tokens_in"], scene.row("c1")["tokens_out"]) == (9, 41)


def test_where_the_model_is_in_memory_the_first_phase_is_prefill() -> None:
    scene = Scene(a_desk(a_beat("n1", with_loaded())))
    scene.arrives("c1", client="ann", priority="batch", origin=Origin(tags=("app:x",)))
    row = scene.row("c1")
    assert (row["phase"], row["node_id"], row["client"], row["priority"]) == ("prefill", "n1", "ann", "batch")
    assert row["tags"] == ["app:x"]
    assert row["tokens_per_s"] is None


def test_nodes_tell_what_is_unsafe_of_them() -> None:
    scene = Scene(a_desk(a_beat("n1", an_engine(open_at=["192.168.1.7"])), a_beat("n2", with_loaded())))
    nodes = scene.watch.picture()["nodes"]
    assert nodes["n1"]["unsafe"] == ["ollama faces the network at 192.168.1.7"]
    assert nodes["n2"]["unsafe"] == []


def test_nodes_tell_their_gpus_and_nothing_where_nothing_is_read() -> None:
    gpu = Gpu(
        name="big",
        vram_total_bytes=24 * GIB,
        vram_used_bytes=6 * GIB,
        utilization_pct=71.4,
        power_watts=200.0,
    )
    picture = Scene(a_desk(a_beat("n1", with_loaded(), gpus=[gpu, gpu]), a_beat("n2"))).watch.picture()
    first, second = picture["nodes"]["n1"], picture["nodes"]["n2"]
    assert first["gpus"][0] == {
        **{"name": "big", "utilization_pct": 71, "vram_total_bytes": 24 * GIB, "vram_used_bytes": 6 * GIB},
        **{"temperature_c": None, "power_watts": 200.0},
    }
    assert (first["power_watts"], second["power_watts"], second["temperature_c"]) == (400.0, None, None)
    assert picture["fleet"]["power_watts"] == 400.0
    assert first["engines"][0]["replicas"][0]["model"] == MODEL


def test_models_are_counted_over_nodes() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", an_engine(a_model())))
    scene = Scene(desk)
    scene.arrives("c1")
    row = scene.watch.picture()["models"][MODEL]
    assert (row["nodes_loaded"], row["nodes_on_disk"], row["running"], row["slots_total"]) == (1, 2, 1, 1)


def test_models_follow_beats_calls_and_nodes_that_leave() -> None:
    desk = a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded(MODEL, "other:latest")))
    scene = Scene(desk)
    scene.arrives("c1", "other")
    rows = scene.watch.picture()["models"]
    assert (rows[MODEL]["nodes_loaded"], rows["other:latest"]["running"]) == (2, 1)
    assert scene.watch.picture()["models"] == rows
    join(desk, a_beat("n1", an_engine(a_model()), seq=2), scene.now)
    row = scene.watch.picture()["models"][MODEL]
    assert (row["nodes_loaded"], row["nodes_on_disk"], row["slots_total"]) == (1, 2, 1)
    scene.now += 500
    desk.removed(NodeId("n1"), scene.now)
    row = scene.watch.picture()["models"][MODEL]
    assert (row["nodes_loaded"], row["nodes_on_disk"]) == (1, 1)


def test_figures_count_also_what_is_not_told() -> None:
    power = [Gpu(name="big", power_watts=1.0)]
    beats = [a_beat(f"n{number:04d}", with_loaded(), gpus=power) for number in range(NODES_TOLD + 2)]
    picture = Scene(a_desk(*beats)).watch.picture()
    fleet = picture["fleet"]
    counted = (fleet["nodes_total"], fleet["nodes_online"], fleet["power_watts"], len(picture["nodes"]))
    assert counted == (NODES_TOLD + 2, NODES_TOLD + 2, NODES_TOLD + 2, NODES_TOLD)


def test_what_ended_counts_for_a_minute() -> None:
    scene = Scene(a_desk(a_beat("n1", with_loaded())))
    scene.watch.record(a_trace(tokens=Tokens(1, 30)))
    scene.watch.record(a_trace(status="failed", code=502, tokens=Tokens(None, None)))
    scene.watch.record(a_trace(status="retried"))
    fleet = scene.watch.picture()["fleet"]
    assert (fleet["requests_per_s"], fleet["error_ratio"], fleet["ttft_p50_s"]) == (0.03, 0.5, 1.5)
    assert fleet["tokens_per_s"] == 3.0
    assert scene.watch.picture()["nodes"]["n1"]["ttft_s"] == 1.5
    scene.now += 61
    assert scene.watch.picture()["fleet"]["requests_per_s"] == 0.0


def test_looks_make_events() -> None:
    scene = Scene(a_desk(a_beat("n1", with_loaded())))
    scene.watch.look()
    scene.watch.look()
    scene.now = 500.0
    scene.watch.look()
    kinds = [each["kind"] for each in scene.watch.picture()["events"]]
    assert kinds == ["join", "leave"]


def test_an_ollama_that_is_only_looked_for_is_missed_by_nobody() -> None:
    """It never was there, and another engine stands in for it."""
    absent = an_engine(up=False, reason="connection refused")
    embedded = msgspec.structs.replace(with_loaded(), name="embedded", kind="llama.cpp")
    scene = Scene(a_desk(a_beat("n1", absent, embedded), a_beat("n2", absent)))
    scene.watch.look()
    picture = scene.watch.picture()
    told = {name: [each["name"] for each in node["engines"]] for name, node in picture["nodes"].items()}
    assert told == {"n1": ["embedded"], "n2": ["ollama"]}
    assert alerts_of(picture) == 1
    assert [each["kind"] for each in picture["events"]] == ["join", "join", "engine"]


def test_no_picture_holds_a_secret() -> None:
    scene = Scene(a_desk(a_beat("n1", with_loaded(), secret="a-secret-of-the-gateway")))
    assert b"a-secret" not in msgspec.json.encode(scene.watch.picture())


def test_a_node_of_which_nothing_is_different_has_the_row_of_before() -> None:
    scene = Scene(a_desk(a_beat("n1", with_loaded()), a_beat("n2", with_loaded(MODEL, "other:latest"))))
    first = scene.watch.picture()["nodes"]
    scene.now += 1
    second = scene.watch.picture()["nodes"]
    assert [second[name] is first[name] for name in ("n1", "n2")] == [True, True]
    scene.arrives("c1", "other")
    third = scene.watch.picture()["nodes"]
    assert [third[name] is first[name] for name in ("n1", "n2")] == [True, False]
    assert third["n2"]["requests_active"] == 1
    join(scene.desk, a_beat("n1", with_loaded(), seq=2), scene.now)
    assert scene.watch.picture()["nodes"]["n1"] is not first["n1"]
