"""The memory of a node in which a model would live: VRAM where there are discrete GPUs, else the host's."""

from shared.wire import Heartbeat


def free_bytes(beat: Heartbeat) -> int:
    """By the last beat."""
    if beat.gpus and not beat.hardware.unified_memory:
        return sum(gpu.vram_free_bytes for gpu in beat.gpus)
    return beat.memory.available_bytes


def total_bytes(beat: Heartbeat) -> int:
    """All of it."""
    if beat.gpus and not beat.hardware.unified_memory:
        return sum(gpu.vram_total_bytes for gpu in beat.gpus)
    return beat.memory.total_bytes


def both_bytes(beat: Heartbeat) -> int:
    """Host memory and VRAM together: engines may split a model over both."""
    vram = 0 if beat.hardware.unified_memory else sum(gpu.vram_total_bytes for gpu in beat.gpus)
    return beat.memory.total_bytes + vram
