"""How much room a node has for models, in the memory where they would live and on its disk."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from coordinator.core.fleet import Fleet
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from shared.names import NodeId
from shared.wire import Heartbeat, Replica

GIB = 2**30
MEMORY_FACTOR = 1.2
"""A model in memory takes more than its file: cache and buffers."""
DISK_FACTOR = 1.1
DISK_MARGIN = 2 * GIB
"""Of the disk, left free beside the model."""
OLLAMA = "ollama"
"""The only kind of engine that pulls models, and loads one by order."""


class Room(Struct, frozen=True, kw_only=True):
    """One node, in bytes. Memory is VRAM where there are discrete GPUs, else the host's."""

    node_id: NodeId
    engine: str
    """The name of its Ollama; empty: it has none that is up."""
    closed: str
    """Why nothing new may be put here; empty: it may."""
    total: int
    """All of that memory; 0: unknown."""
    free: int
    """Of it now, less what is being loaded."""
    loaded: int
    """Taken by models, with those that are being loaded."""
    idle: int
    """Taken by models that no call uses: an engine puts them out by itself."""
    disk_free: int
    """Less what is being pulled."""
    ceiling: int | None = None
    """What the owner leaves to models together; None: no bound beside what there is."""
    availability: float = 1.0
    """How much of the machine its owner leaves, from 0 to 1."""

    @property
    def roomy(self) -> int:
        """What one more model may take, when idle ones are put out for it."""
        bound = self.total if self.ceiling is None else min(self.total, self.ceiling)
        return max(0, min(self.free + self.idle, bound - (self.loaded - self.idle)))

    def spare(self, share: float) -> int:
        """What one more model may take with nothing put out for it, and models within `share` of all memory."""
        bound = int(self.total * share)
        if self.ceiling is not None:
            bound = min(bound, self.ceiling)
        return max(0, min(self.free, bound - self.loaded))


class Rooms(Mapping[NodeId, Room]):
    """Of this moment, by node, each worked out when it is asked about: of a large fleet most are not. To be used at
    once and thrown away.
    """

    def __init__(self, fleet: Fleet, limits: Limits, now: float, loading: Mapping[NodeId, int]) -> None:
        """`loading`: bytes being loaded."""
        self._nodes = fleet.nodes
        self._limits = limits
        self._now = now
        self._loading = loading
        self._known: dict[NodeId, Room] = {}

    def __getitem__(self, node_id: NodeId) -> Room:
        room = self._known.get(node_id)
        if room is None:
            loading = self._loading.get(node_id, 0)
            room = room_of(self._nodes[node_id], self._limits, self._now, loading=loading)
            self._known[node_id] = room
        return room

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def rooms(
    fleet: Fleet,
    limits: Limits,
    now: float,
    *,
    coming: Mapping[NodeId, int] | None = None,
    loading: Mapping[NodeId, int] | None = None,
) -> list[Room]:
    """Of every node, in order of name. `coming`: bytes yet to be pulled there; `loading`: bytes being loaded."""
    return [
        room_of(node, limits, now, coming=(coming or {}).get(name, 0), loading=(loading or {}).get(name, 0))
        for name, node in sorted(fleet.nodes.items())
    ]


def room_of(node: Node, limits: Limits, now: float, *, coming: int = 0, loading: int = 0) -> Room:
    """Of one node."""
    beat = node.heartbeat
    engine = next((each.name for each in beat.engines if each.kind == OLLAMA and each.up), "")
    in_vram = lives_in_vram(beat)
    held = [(_bytes(replica, in_vram), node.in_flight.get(key, 0)) for key, replica in node.replicas]
    total, free = _memory(beat, in_vram)
    return Room(
        node_id=node.node_id,
        engine=engine,
        closed=_closed(node, engine, limits, now),
        total=total,
        free=max(0, free - loading),
        loaded=sum(size for size, _ in held) + loading,
        idle=sum(size for size, running in held if not running),
        disk_free=max(0, beat.disk.available_bytes - coming),
        ceiling=beat.capacity.ceiling_bytes if beat.capacity else None,
        availability=beat.capacity.availability if beat.capacity else 1.0,
    )


def choose(found: Iterable[Room], size: int) -> Room | str:
    """The node with the most room for a model of `size` bytes, or why there is none: the nodes' reasons."""
    fits, reasons = [], []
    for room in found:
        reason = _refusal(room, size)
        if reason:
            reasons.append(f"{room.node_id} {reason}")
        else:
            fits.append(room)
    if fits:
        return max(fits, key=lambda room: (room.roomy, room.disk_free))
    return "; ".join(reasons) or "no node is there"


def _refusal(room: Room, size: int) -> str:
    if room.closed:
        return room.closed
    memory, disk = int(size * MEMORY_FACTOR), int(size * DISK_FACTOR) + DISK_MARGIN
    if size and room.roomy < memory:
        return f"has {shown_size(room.roomy)} of memory for it, {shown_size(memory)} are needed"
    if size and room.disk_free < disk:
        return f"has {shown_size(room.disk_free)} of disk, {shown_size(disk)} are needed"
    return ""


def lives_in_vram(beat: Heartbeat) -> bool:
    """Whether models live in the VRAM of discrete GPUs there. VRAM of an unknown size is none."""
    return not beat.hardware.unified_memory and any(gpu.vram_total_bytes for gpu in beat.gpus)


def _memory(beat: Heartbeat, in_vram: bool) -> tuple[int, int]:
    if in_vram:
        return sum(gpu.vram_total_bytes for gpu in beat.gpus), sum(gpu.vram_free_bytes for gpu in beat.gpus)
    return beat.memory.total_bytes, beat.memory.available_bytes


def _bytes(replica: Replica, in_vram: bool) -> int:
    return replica.vram_bytes if in_vram and replica.vram_bytes is not None else replica.size_bytes


def _closed(node: Node, engine: str, limits: Limits, now: float) -> str:
    beat, standing = node.heartbeat, node.standing(now, limits)
    if standing.status != "online":
        return f"is {standing.state}"
    if not engine:
        return "runs no Ollama that is up"
    if node.cordoned:
        return "is cordoned"
    if beat.draining:
        return "is draining"
    if beat.capacity is not None and beat.capacity.mode == "paused":
        return "is paused by its owner"
    if beat.memory.pressure == "critical":
        return "is short of memory"
    return ""


def shown_size(size: int) -> str:
    """For a person."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"
