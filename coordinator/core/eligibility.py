"""May this node serve this call? A refusal is a reason that a caller can read."""

from msgspec import Struct

from coordinator.core import owner
from coordinator.core.call import Call
from coordinator.core.node import Node, Spot, Standing

GIB = 2**30


class Refusal(Struct, frozen=True):
    """Why not. `lasting`: waiting would not help."""

    reason: str
    lasting: bool = False


def refusal(node: Node, standing: Standing, spot: Spot, call: Call) -> Refusal | None:
    """The first reason that applies, lasting ones first; None: eligible."""
    name = node.node_id
    missing = sorted(call.abilities - spot.model.abilities) if spot.model.abilities else []
    if missing:
        return Refusal(f"on {name} it does not support {', '.join(missing)}", lasting=True)
    room = _memory_bytes(node)
    if not spot.replicas and room and spot.model.size_bytes > room:
        needs = f"needs {spot.model.size_bytes / GIB:.1f} GiB, {name} has {room / GIB:.1f} GiB in all"
        return Refusal(needs, lasting=True)
    if standing.status == "offline" or standing.state in {"probing", "unreachable"}:
        return Refusal(f"{name} is {standing.state} ({standing.reason})")
    if not spot.engine.up:
        return Refusal(f"{spot.engine.name} on {name} is down ({spot.engine.reason})")
    if node.heartbeat.draining:
        return Refusal(f"{name} is draining")
    if node.cordoned:
        return Refusal(f"{name} is cordoned")
    return _owners_refusal(node, spot)


def _owners_refusal(node: Node, spot: Spot) -> Refusal | None:
    capacity, name = node.heartbeat.capacity, node.node_id
    if capacity is None:
        return None
    if why := owner.refusal(capacity):
        return Refusal(f"{name} is {why}")
    if spot.replicas:
        return None
    why = owner.cold_refusal(capacity, spot.model.size_bytes, owner.resident(node.heartbeat))
    return Refusal(f"on {name} it {why}") if why else None


def _memory_bytes(node: Node) -> int:
    """Host memory and VRAM together: engines may split a model over both."""
    beat = node.heartbeat
    vram = 0 if beat.hardware.unified_memory else sum(gpu.vram_total_bytes for gpu in beat.gpus)
    return beat.memory.total_bytes + vram
