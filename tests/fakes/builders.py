"""Values for tests: calls, beats, engines and replicas, each with defaults that a test overrides by name."""

from collections.abc import Iterable

from msgspec.structs import replace

from coordinator.core.call import (
    Call,
    Decision,
    Decisions,
    Held,
    Moved,
    Operation,
    Place,
    Placed,
    Priority,
    Refused,
)
from coordinator.core.candidate import Candidate
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from shared.names import CallId, NodeId, normalise
from shared.wire import Cpu, Disk, Engine, Gpu, Hardware, Heartbeat, Memory, Model, Replica

GIB = 2**30
MODEL = "llama3.2:latest"
GATEWAY_KEY = "shown-to-the-gateway"


def a_call(
    call_id: str = "c1",
    model: str = MODEL,
    *,
    fallbacks: Iterable[str] = (),
    abilities: Iterable[str] = (),
    operation: Operation = "chat",
    num_ctx: int | None = None,
    estimated_tokens: int = 0,
    stream: bool = True,
    client: str = "",
    priority: Priority = "interactive",
) -> Call:
    """A chat call for `model`."""
    return Call(
        id=CallId(call_id),
        model=normalise(model),
        asked_name=model,
        stream=stream,
        operation=operation,
        dialect="ollama",
        fallbacks=tuple(normalise(name) for name in fallbacks),
        abilities=frozenset(abilities),
        num_ctx=num_ctx,
        estimated_tokens=estimated_tokens,
        client=client,
        priority=priority,
    )


def a_long_call(chars: int, *, num_ctx: int | None = None) -> Call:
    """A chat whose prompt has so many characters."""
    call = a_call(estimated_tokens=chars // 4, num_ctx=num_ctx)
    return replace(call, prompt_chars=chars, prompt_bytes=chars)


def a_model(name: str = MODEL, *, gib: float = 2.0, abilities: Iterable[str] = ()) -> Model:
    """A model of `gib` GiB."""
    return Model(name=name, size_bytes=int(gib * GIB), abilities=frozenset(abilities))


def a_replica(name: str = MODEL, *, slots: int = 1, context: int | None = None) -> Replica:
    """A loaded instance with `slots` calls at once."""
    return Replica(model=name, slots_total=slots, context_length=context)


def an_engine(
    *models: Model,
    replicas: Iterable[Replica] = (),
    name: str = "ollama",
    slots: int = 1,
    up: bool = True,
    reason: str = "",
    version: str = "",
    open_at: Iterable[str] = (),
) -> Engine:
    """An engine with `models` on disk and `replicas` in memory; `slots` for a model that is not loaded."""
    return Engine(
        name=name,
        kind="ollama",
        version=version,
        up=up,
        reason=reason,
        dialects=frozenset({"ollama", "openai"}),
        slots_per_model=slots,
        open_at=list(open_at),
        models=list(models),
        replicas=list(replicas),
    )


def with_loaded(*names: str, slots: int = 1) -> Engine:
    """An engine that has `names` in memory, MODEL where none is given, with `slots` each."""
    names = names or (MODEL,)
    return an_engine(*map(a_model, names), replicas=[a_replica(name, slots=slots) for name in names])


def a_beat(
    node_id: str = "n1",
    *engines: Engine,
    seq: int = 1,
    epoch: int = 1,
    memory_gib: float = 16.0,
    gpus: Iterable[Gpu] = (),
    hardware: Hardware | None = None,
    secret: str = GATEWAY_KEY,
    draining: bool = False,
    leaving: bool = False,
) -> Heartbeat:
    """A beat of a node with exactly `engines`."""
    size = int(memory_gib * GIB)
    return Heartbeat(
        node_id=node_id,
        epoch=epoch,
        seq=seq,
        gateway_port=11436,
        gateway_secret=secret,
        draining=draining,
        leaving=leaving,
        hardware=hardware or Hardware(arch="x86_64"),
        cpu=Cpu(cores_physical=4, utilization_pct=5.0),
        memory=Memory(total_bytes=size, available_bytes=size),
        disk=Disk(total_bytes=100 * GIB, available_bytes=50 * GIB),
        gpus=list(gpus),
        engines=list(engines),
    )


def a_candidate(
    node_id: str = "n1",
    *,
    model: str = MODEL,
    loaded: bool = True,
    in_flight: int = 0,
    node_in_flight: int = 0,
    slots: int = 1,
    model_bytes: int = 0,
    free_bytes: int = 0,
    memory_bytes: int = 0,
    context_length: int | None = None,
    bandwidth: float = 0.0,
    fleet_bandwidth: float = 0.0,
    unloaded_for_s: float | None = None,
    p75_s: float | None = None,
    trend: float | None = None,
    last_used: int = 0,
) -> Candidate:
    """A place with `model` in memory and nothing running."""
    return Candidate(
        place=Place(NodeId(node_id), "ollama", normalise(model)),
        engine_model=model,
        loaded=loaded,
        in_flight=in_flight,
        node_in_flight=node_in_flight,
        slots=slots,
        model_bytes=model_bytes,
        free_bytes=free_bytes,
        memory_bytes=memory_bytes,
        context_length=context_length,
        bandwidth_gbps=bandwidth,
        fleet_bandwidth_gbps=fleet_bandwidth,
        unloaded_for_s=unloaded_for_s,
        latency_p75_s=p75_s,
        availability_trend=trend,
        last_used=last_used,
    )


def an_address(node_id: str) -> str:
    """Where the gateway of `node_id` is, unless a test says otherwise."""
    return f"http://{node_id}:11436"


def a_desk(*beats: Heartbeat, limits: Limits | None = None, now: float = 0.0) -> Desk:
    """A Desk that started at 0, with a reached node for each of `beats` at `now`."""
    desk = Desk(limits or Limits(), Weights(), now=0.0)
    for beat in beats:
        join(desk, beat, now)
    return desk


def join(desk: Desk, beat: Heartbeat, now: float = 0.0) -> Decisions:
    """The node beats and its gateway answers the probe."""
    decisions = desk.heard(beat, an_address(beat.node_id), now)
    return [*decisions, *desk.reached(NodeId(beat.node_id), now)]


def told(decisions: Decisions) -> list[str]:
    """Decisions as short words: `c1 on n1`, `c1 held`, `c1 moved`, `c1 refused 503`,
    `c1 freed 504`."""
    return [_word(decision) for decision in decisions]


def _word(decision: Decision) -> str:
    if isinstance(decision, Placed):
        return f"{decision.call_id} on {decision.placement.place.node_id}"
    if isinstance(decision, Held):
        return f"{decision.call_id} held"
    if isinstance(decision, Moved):
        return f"{decision.call_id} moved"
    verb = "refused" if isinstance(decision, Refused) else "freed"
    return f"{decision.call_id} {verb} {decision.error.status}"
