"""Checks of one node: is its machine short of memory or disk, too warm, or idle?"""

from collections.abc import Iterator

from coordinator.health.snapshot import NodeSeen
from shared.finding import GIB, Finding, Severity, gib
from shared.wire import Gpu, Replica

WARM_C = 85.0
"""From here a temperature is a warning: most chips begin to slow down between here and 100 degrees."""
SWAP_TOLD = GIB
SWAP_WARNED_SHARE = 0.10
"""Of the memory: beyond it, pages that are needed are likely to be among those swapped out."""
DISK_LOW = 10 * GIB
"""A model of middling size no longer fits."""
DISK_FULL = 2 * GIB
IDLE_SHARE = 0.50
IDLE_MODELS = 2
LOADS_AN_HOUR = 3
"""From so many loads of one model on, it is not by chance that it is loaded again."""
SPILL_SHARE = 0.90
"""Of a replica's memory in VRAM: below it, a part that matters is computed by the processor."""


def memory(node: NodeSeen) -> Iterator[Finding]:
    """memory_pressure, swap_usage."""
    beat, held = node.beat, node.beat.memory
    severities: dict[str, Severity] = {"warn": "warning", "critical": "critical"}
    if held.pressure in severities:
        yield Finding(
            check_id="memory_pressure",
            severity=severities[held.pressure],
            title=f"{beat.node_id} is short of memory",
            description=f"Its system reports memory pressure ({held.pressure}); "
            f"{gib(held.available_bytes)} of {gib(held.total_bytes)} are available.",
            fix="Unload models there, choose smaller ones, or close other programs.",
            node_id=beat.node_id,
            data={"pressure": held.pressure, "available_gb": _rounded(held.available_bytes)},
        )
    if held.swap_used_bytes >= SWAP_TOLD:
        share = held.swap_used_bytes / held.total_bytes if held.total_bytes else 1.0
        yield Finding(
            check_id="swap_usage",
            severity="warning" if share >= SWAP_WARNED_SHARE else "info",
            title=f"{beat.node_id} swaps",
            description=f"{gib(held.swap_used_bytes)} of its memory are swapped out to disk.",
            fix="If answers from there are slow, unload models or choose smaller ones.",
            node_id=beat.node_id,
            data={
                "swap_used_gb": _rounded(held.swap_used_bytes),
                "swap_total_gb": _rounded(held.swap_total_bytes),
            },
        )


def idle_memory(node: NodeSeen) -> Iterator[Finding]:
    """underutilized_memory, where models would live: VRAM where there are discrete GPUs, else the host's."""
    beat = node.beat
    total, free, what = model_memory(node)
    loaded = sum(len(engine.replicas) for engine in beat.engines)
    if node.standing.status != "online" or free <= total * IDLE_SHARE or loaded > IDLE_MODELS:
        return
    if not any(engine.kind == "ollama" for engine in beat.engines):
        return  # nobody there could pull a model
    yield Finding(
        check_id="underutilized_memory",
        severity="info",
        title=f"{beat.node_id} has memory to spare",
        description=f"{gib(free)} of {gib(total)} of its {what} are free, with {loaded} model(s) loaded.",
        fix="It could hold more or larger models: see /dashboard/api/recommendations.",
        node_id=beat.node_id,
        data={"available_gb": _rounded(free), "total_gb": _rounded(total), "models_loaded": loaded},
    )


def thrashing(node: NodeSeen) -> Iterator[Finding]:
    """model_thrashing: models that are loaded again and again, each time before they can answer."""
    often = [each for each in node.loads if each.recent >= LOADS_AN_HOUR]
    if often:
        yield Finding(
            check_id="model_thrashing",
            severity="warning",
            title=f"{node.beat.node_id} loads the same model again and again",
            description=", ".join(f"{each.model} {each.recent} times" for each in often)
            + " in the last hour. "
            "Each time the calls wait for it.",
            fix="Let it stay longer (keep_alive of the calls, OLLAMA_KEEP_ALIVE), or use fewer or smaller models.",
            node_id=node.beat.node_id,
            data={
                "models": [
                    {"model": each.model, "loads_24h": each.count, "loads_last_hour": each.recent}
                    for each in often
                ]
            },
        )


def disk(node: NodeSeen) -> Iterator[Finding]:
    """disk_nearly_full."""
    held = node.beat.disk
    if not held.total_bytes or held.available_bytes >= DISK_LOW:
        return
    yield Finding(
        check_id="disk_nearly_full",
        severity="critical" if held.available_bytes < DISK_FULL else "warning",
        title=f"The disk of {node.beat.node_id} is nearly full",
        description=f"{gib(held.available_bytes)} of {gib(held.total_bytes)} are free: "
        "there is little room for another model.",
        fix="Delete models that nobody uses: see /dashboard/api/model-management.",
        node_id=node.beat.node_id,
        data={"available_gb": _rounded(held.available_bytes), "total_gb": _rounded(held.total_bytes)},
    )


def temperature(node: NodeSeen) -> Iterator[Finding]:
    """high_temperature, gpu_temperature."""
    beat = node.beat
    celsius = beat.thermal.temperature_c
    if celsius is not None and celsius >= WARM_C:
        yield _warm(node, "high_temperature", "processor", celsius, {"source": beat.thermal.source})
    for gpu in beat.gpus:
        if gpu.temperature_c is not None and gpu.temperature_c >= WARM_C:
            name = gpu.name or f"GPU {gpu.index}"
            yield _warm(node, "gpu_temperature", name, gpu.temperature_c, {"gpu": gpu.index})


def _warm(
    node: NodeSeen, check_id: str, what: str, celsius: float, data: dict[str, str] | dict[str, int]
) -> Finding:
    return Finding(
        check_id=check_id,
        severity="warning",
        title=f"{node.beat.node_id} is hot",
        description=f"Its {what} is at {celsius:.0f} °C; beyond {WARM_C:.0f} °C chips slow down.",
        fix="See to its cooling, or give it fewer calls at once.",
        node_id=node.beat.node_id,
        data={"temperature_c": celsius, **data},
    )


def spilled(node: NodeSeen) -> Iterator[Finding]:
    """model_partly_on_cpu: a model that is larger than the VRAM runs at a fraction of its speed."""
    if node.standing.status == "offline" or not _discrete(node):
        return
    for engine in node.beat.engines:
        for replica in engine.replicas:
            if _spills(replica):
                yield Finding(
                    check_id="model_partly_on_cpu",
                    severity="warning",
                    title=f"{replica.model} on {node.beat.node_id} is not wholly on its GPU",
                    description=f"{gib(replica.vram_bytes or 0)} of {gib(replica.size_bytes)} are in VRAM; "
                    "the processor computes the rest, which is slow.",
                    fix="Load it with a smaller context or quantization, or unload others on that GPU.",
                    node_id=node.beat.node_id,
                    data={
                        "model": replica.model,
                        "vram_gb": _rounded(replica.vram_bytes or 0),
                        "size_gb": _rounded(replica.size_bytes),
                    },
                )


def _spills(replica: Replica) -> bool:
    return (
        replica.vram_bytes is not None
        and replica.size_bytes > 0
        and replica.vram_bytes < replica.size_bytes * SPILL_SHARE
    )


def model_memory(node: NodeSeen) -> tuple[int, int, str]:
    """Bytes in all, bytes free, and what it is: where this node's models live."""
    beat = node.beat
    if cards := _discrete(node):
        return sum(gpu.vram_total_bytes for gpu in cards), sum(gpu.vram_free_bytes for gpu in cards), "VRAM"
    return beat.memory.total_bytes, beat.memory.available_bytes, "memory"


def _discrete(node: NodeSeen) -> list[Gpu]:
    if node.beat.hardware.unified_memory:
        return []
    return [gpu for gpu in node.beat.gpus if gpu.vram_total_bytes]


def _rounded(count: int) -> float:
    return round(count / GIB, 1)
