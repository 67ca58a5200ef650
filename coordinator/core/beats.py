"""A beat beside the one before it: out of date, the same again, or news. Pure."""

from operator import attrgetter

from coordinator.core.memory import free_bytes, total_bytes
from shared.errors import CallerFault, NameTaken
from shared.wire import Heartbeat

MEMORY_STEP = 0.01
"""Part of a node's memory: free memory that has moved by no more is the same. It always moves a little, and to weigh
all places of a node anew costs ten to twenty times what a beat costs that says nothing new."""

_ALIKE = attrgetter(
    *("epoch", "leaving", "draining", "gateway_secret", "hardware", "engines"),
    *("memory.total_bytes", "memory.pressure"),
)
"""What has to be equal. `engines` are: each engine, its models and what is loaded."""
_OWNERS = attrgetter("mode", "ceiling_bytes", "availability", "trend", "reason", "override", "until")
"""Likewise of what the owner leaves. How sure that is, and for how long it was learned, decides nothing."""


def check_order(before: Heartbeat, after: Heartbeat, *, lease_over: bool) -> None:
    """Raises CallerFault where `after` is older, NameTaken where that is because of another agent."""
    if (after.epoch, after.seq) > (before.epoch, before.seq):
        return
    if after.epoch == before.epoch:
        raise CallerFault(f"beat {after.seq} of {after.node_id} is not newer than beat {before.seq}")
    # A clock may have gone back: once the lease has run out, the older epoch is all there is.
    if not lease_over and not before.leaving:
        raise NameTaken(
            f"another agent named {after.node_id} started later and is alive; give one of them a --node-id"
        )


def repeats(before: Heartbeat, after: Heartbeat, known_free_bytes: int) -> bool:
    """Whether nothing that is decided can be another by `after`. `known_free_bytes`: by which places were weighed."""
    if _ALIKE(before) != _ALIKE(after) or after.leaving:
        return False
    if abs(free_bytes(after) - known_free_bytes) > MEMORY_STEP * total_bytes(after):
        return False
    if [gpu.vram_total_bytes for gpu in before.gpus] != [gpu.vram_total_bytes for gpu in after.gpus]:
        return False
    if before.capacity is None or after.capacity is None:
        return before.capacity is after.capacity
    return bool(_OWNERS(before.capacity) == _OWNERS(after.capacity))
