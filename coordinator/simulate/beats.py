"""What a simulated machine says of itself: a real Heartbeat, with what it claims and not with what is true."""

from msgspec import Struct

from coordinator.simulate.engine import Engine
from coordinator.simulate.fleets import GB, MachineSpec, ModelSpec
from shared.wire import Capacity, Cpu, Disk, Gpu, Hardware, Heartbeat, Memory, Model, Replica
from shared.wire import Engine as ToldEngine

GATEWAY_KEY = "shown-to-no-gateway"
OWNERS_SHARE = 0.5
"""Of its memory, what an owner who is there leaves to models."""
OWNER_THERE = 0.3
"""The availability that is told while the owner is there."""
SYSTEM_BYTES = int(2 * GB)


class Face(Struct, frozen=True):
    """What does not change between beats."""

    name: str
    spec: MachineSpec
    hardware: Hardware
    models: list[Model]


def face(name: str, spec: MachineSpec, models: list[ModelSpec]) -> Face:
    """Of a machine."""
    return Face(
        name,
        spec,
        Hardware(
            arch="x86_64",
            memory_bandwidth_gbps=spec.bandwidth_gbps,
            memory_bandwidth_source="table",
            unified_memory=spec.unified,
        ),
        [
            Model(
                name=each.name,
                size_bytes=each.size_bytes,
                max_context=each.max_context,
                default_context=each.context,
                kv_bytes_per_token=int(each.cache_kb_per_token * 1_000),
            )
            for each in models
        ],
    )


def beat(face: Face, engine: Engine, *, epoch: int, seq: int, owner: bool) -> Heartbeat:
    """Of this moment. `owner`: whether the machine's owner is there."""
    spec = face.spec
    taken = engine.resident_bytes
    total = int(spec.memory_gb * GB)
    in_ram = 0 if spec.gpus_gb else taken
    return Heartbeat(
        node_id=face.name,
        epoch=epoch,
        seq=seq,
        gateway_port=11436,
        gateway_secret=GATEWAY_KEY,
        hardware=face.hardware,
        cpu=Cpu(cores_physical=8),
        memory=Memory(total_bytes=total, available_bytes=max(0, total - SYSTEM_BYTES - in_ram)),
        disk=Disk(total_bytes=int(1_000 * GB), available_bytes=int(500 * GB)),
        gpus=_gpus(spec, taken),
        engines=[_engine(face, engine)],
        capacity=_capacity(face, engine, owner=owner),
    )


def _engine(face: Face, engine: Engine) -> ToldEngine:
    return ToldEngine(
        name="ollama",
        kind="ollama",
        dialects=frozenset({"ollama", "openai"}),
        slots_per_model=face.spec.slots,
        models=face.models,
        replicas=[
            Replica(
                model=model,
                size_bytes=each.bytes,
                vram_bytes=each.bytes if face.spec.gpus_gb else None,
                context_length=each.context,
                slots_total=face.spec.slots,
            )
            for model, each in engine.residents.items()
        ],
    )


def _gpus(spec: MachineSpec, taken: int) -> list[Gpu]:
    """Models fill one card after the other."""
    cards = []
    for index, size_gb in enumerate(spec.gpus_gb):
        size = int(size_gb * GB)
        used = min(size, taken)
        taken -= used
        cards.append(
            Gpu(
                index=index,
                name="simulated",
                vram_total_bytes=size,
                vram_used_bytes=used,
                vram_free_bytes=size - used,
            )
        )
    return cards


def _capacity(face: Face, engine: Engine, *, owner: bool) -> Capacity | None:
    """None: nobody else uses this machine."""
    if not face.spec.owner_per_hour:
        return None
    if not owner:
        return Capacity(confidence=1.0)
    ceiling = int(engine.memory * OWNERS_SHARE)
    return Capacity(
        mode="learned_low",
        ceiling_bytes=ceiling,
        availability=OWNER_THERE,
        trend=-1.0,
        reason="owner",
        confidence=1.0,
    )
