"""Pictures of a fleet for tests: from a real Desk, and the same each time."""

from typing import Any

import msgspec

from coordinator.core.call import Origin, Placed
from coordinator.core.limits import Limits
from coordinator.journal import CallRecord
from coordinator.watching.watch import Watch
from shared.names import CallId, NodeId
from shared.wire import Cpu, Gpu, Heartbeat, Memory, Thermal
from tests.fakes.builders import GIB, a_beat, a_call, a_desk, a_model, a_replica, an_engine, join
from tests.fakes.traces import a_trace

WALL = 1_800_000_000.0
"""Unix time at 0 of the Desk's clock."""
NOW = WALL + 100.0
"""Of every picture."""
MODELS = ("llama3.2:3b", "qwen3:8b", "gemma3:27b-it-qat")


def a_node(number: int, *, up: bool = True) -> Heartbeat:
    """Every second one has a card; they are `workstation-01`, `laptop-02`, ..."""
    gpu = Gpu(
        name="RTX 3090",
        vram_total_bytes=24 * GIB,
        vram_used_bytes=(number % 5 + 1) * 4 * GIB,
        utilization_pct=number * 37 % 101,
        temperature_c=50 + number,
        power_watts=100 + number,
    )
    models = MODELS[: 1 + number % 3]
    loaded = [a_replica(models[0], slots=4, context=8192)] if up else []
    engine = an_engine(
        *map(a_model, models), replicas=loaded, up=up, reason="" if up else "connection refused"
    )
    name = f"{('workstation', 'laptop')[number % 2]}-{number:02d}"
    return msgspec.structs.replace(
        a_beat(name, engine, gpus=[] if number % 2 else [gpu], epoch=int((WALL - 7200) * 1000)),
        cpu=Cpu(cores_physical=8, utilization_pct=number * 13 % 101),
        memory=Memory(total_bytes=64 * GIB, available_bytes=(60 - number) * GIB),
        thermal=Thermal(temperature_c=40.0 + number),
        agent_version="0.1.0",
    )


def a_picture(
    nodes: int = 3, *, calls: int = 3, cordoned: str = "", lost: str = "", broken: int = 0
) -> dict[str, Any]:
    """Of so many nodes and calls. `lost` beats no more; the engine of node number `broken` is down."""
    desk = a_desk(limits=Limits(lease_s=15))
    for number in range(1, nodes + 1):
        join(desk, a_node(number, up=number != broken), 0.0)

    def beats(seq: int, at: float, but: str) -> None:
        for number in range(1, nodes + 1):
            beat = msgspec.structs.replace(a_node(number, up=number != broken), seq=seq + 1)
            if beat.node_id != but:
                join(desk, beat, at)

    records: dict[CallId, CallRecord] = {}
    now = 0.0
    watch = Watch(desk, Limits(lease_s=15), lambda: records, "home", lambda: now, lambda: WALL + now)
    watch.look()
    beats(1, 69.0, "")
    for number in range(1, calls + 1):
        now = 70.0 + number
        call = msgspec.structs.replace(
            a_call(f"{number:04d}-call", MODELS[number % 2], estimated_tokens=number * 700),
            client="ann",
            origin=Origin(tags=("app:notes",)),
        )
        record = records[call.id] = CallRecord(call, now)
        for each in desk.arrived(call, now):
            if isinstance(each, Placed):
                record.placed(each.placement, now)
        if number != calls and record.placement is not None:
            record.first_byte_at = now + 1
            desk.first_byte(call.id, now + 1)
            record.pieces_out = number * 100
    now = 90.0
    watch.record(a_trace(node_id="workstation-02", timestamp=WALL + now))
    watch.record(
        a_trace(status="retried", node_id="workstation-02", error="connection reset", timestamp=WALL + now)
    )
    if cordoned:
        desk.cordoned(NodeId(cordoned), now, on=True)
    now = 100.0
    beats(2, now, lost)
    watch.look()
    return watch.picture()
